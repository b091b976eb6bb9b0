// Package ckan is the portal kind "ckan": the CKAN datastore, as opendata-ajuntament.barcelona.cat serves it.
//
// The client requests pages in the order of _id. CKAN has no conditional requests: a resource is unchanged when its times
// and its total are all the same.
package ckan
