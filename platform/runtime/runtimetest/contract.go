package runtimetest

import "strings"

// Shape describes a small contract for a test. Empty fields have defaults; the texts are YAML.
type Shape struct {
	Dataset    string // default "things"
	Portal     string // default "socrata"
	SourceID   string // default "abcd-1234"
	BaseURL    string // default "https://portal.example"
	Properties string // the list under properties, indented by 6 spaces
	Quality    string // the list under the object's quality, indented by 6 spaces
	Custom     string // further custom properties of the schema object, indented by 6 spaces
	Schedule   string // default "30 6 * * *"
	Freshness  string // default "{property: latency, value: 36, unit: h}"
}

// Text returns the text of the contract.
func (s Shape) Text() string {
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	quality := ""
	if s.Quality != "" {
		quality = "    quality:\n" + strings.TrimRight(strings.TrimLeft(s.Quality, "\n"), "\n ") + "\n"
	}
	custom := ""
	if s.Custom != "" {
		custom = "    customProperties:\n" + strings.TrimRight(strings.TrimLeft(s.Custom, "\n"), "\n ") + "\n"
	}
	return `apiVersion: v3.1.0
kind: DataContract
id: llac-` + or(s.Dataset, "things") + `
name: Things of a test
version: 1.0.0
status: active
description: {purpose: To be tested with.}
team: {name: Llac data team}
servers:
  - server: portal
    type: api
    location: ` + or(s.BaseURL, "https://portal.example") + `
    customProperties:
      - {property: llacPortal, value: ` + or(s.Portal, "socrata") + `}
      - {property: llacSourceId, value: ` + or(s.SourceID, "abcd-1234") + `}
schema:
  - name: ` + or(s.Dataset, "things") + `
    logicalType: object
    physicalType: table
    dataGranularityDescription: One row per thing.
` + custom + `    properties:
` + strings.TrimRight(strings.TrimLeft(or(s.Properties, `
      - name: thing_id
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        description: Code of the thing.
        customProperties: [{property: llacSource, value: codi}]
`), "\n"), "\n ") + `
` + quality + `slaProperties:
  - {property: frequency, value: 1, unit: d, scheduler: cron, schedule: "` + or(s.Schedule, "30 6 * * *") + `"}
  - ` + or(s.Freshness, "{property: latency, value: 36, unit: h}") + `
customProperties:
  - {property: llacLicence, value: Free}
  - {property: llacAttribution, value: Font de prova}
`
}
