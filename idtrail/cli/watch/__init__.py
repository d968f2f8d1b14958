"""The screen of `idtrail watch`: `board` holds what is known, `tables` shows it in so many columns, `source` asks
and follows the API, `pages` opens over the lists, `app` draws. Only `app`, `listing` and `page_screen` know Textual."""
