// Package services lists the services. One line in All registers a service. The local pipeline, the ledger, the cost estimate,
// the command line and terraform/services.json derive everything from the values of the services.
package services
