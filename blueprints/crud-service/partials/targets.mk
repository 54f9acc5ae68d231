
test-contract: .venv/installed
	$(BIN)/python -m pytest -m slow

# make migration m="what changes", after models.py has changed
migration: .venv/installed
	$(BIN)/python -m $(PACKAGE) migrate
	$(BIN)/alembic revision --autogenerate --message "$(m)"
