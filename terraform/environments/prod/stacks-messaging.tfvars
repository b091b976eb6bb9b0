# alarm_emails = ["data-team@example.org"]
