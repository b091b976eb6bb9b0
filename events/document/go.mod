module github.com/llac-project/llac/events/document

go 1.26.0

require (
	github.com/invopop/jsonschema v0.14.0
	github.com/llac-project/llac/events v0.0.0
	go.yaml.in/yaml/v3 v3.0.5
)

require (
	github.com/bahlo/generic-list-go v0.2.0 // indirect
	github.com/buger/jsonparser v1.1.2 // indirect
	github.com/pb33f/ordered-map/v2 v2.3.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.3 // indirect
)

replace github.com/llac-project/llac/events => ../
