        create {{ resource }}.commands 3
        create {{ resource }}.events 3
