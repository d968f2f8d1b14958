"""The screen of `idtrail watch`. `board` holds what is known, `tables` shows it in columns, `source` queries and
follows the API, `pages` opens over the lists, and `app` draws. Only `app`, `listing` and `page_screen` use Textual."""
