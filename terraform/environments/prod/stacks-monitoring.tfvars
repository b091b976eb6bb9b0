dashboards    = ["operational", "business"]
budget_alerts = [15, 25, 30]
trace_share   = 0.1
