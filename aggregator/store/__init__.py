"""The one SQLite file: schema, migrations, queries. The only place with SQL."""
