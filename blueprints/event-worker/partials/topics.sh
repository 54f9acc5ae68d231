        create item.events 3
        create notification.events 3
