log_level                    = "debug"
log_retention_days           = 14
oldest_message_alarm_minutes = 120
