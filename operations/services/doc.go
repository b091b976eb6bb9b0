// Package services lists the services. Each is registered by one line in All; the local pipeline, the ledger, the costs, the
// command line and terraform/services.json take what they need to know of a service from its value.
package services
