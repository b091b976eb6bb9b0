log_level                    = "info"
log_retention_days           = 90
oldest_message_alarm_minutes = 60
