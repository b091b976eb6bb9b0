dashboards    = ["operational"]
budget_alerts = [15, 25, 30]
trace_share   = 1
