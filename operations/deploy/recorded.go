package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Recorded is what a service's root recorded about its last deploy.
type Recorded struct {
	Service  string   `json:"service"`
	Build    string   `json:"build"`
	SHA256   string   `json:"sha256"`             // of the package
	Previous string   `json:"previous,omitempty"` // digest of the previous package
	Consumes []string `json:"consumes"`
	Emits    []string `json:"emits"`
}

// Release returns the release that runs, as far as a plan of the service's root needs it.
func (r Recorded) Release() Release {
	return Release{
		Service: r.Service, Build: r.Build, SHA256: r.SHA256, Key: ArtifactKey(r.Service, r.SHA256), Consumes: r.Consumes, Emits: r.Emits,
	}
}

// Records reads what the services' roots recorded in an environment, in the order of the flow, without services that were
// never deployed.
func Records(ctx context.Context, client SSM, env string) ([]Recorded, error) {
	found := map[string]map[string]string{} // by service and parameter
	err := eachParameter(ctx, client, env, func(service, what, value string) error {
		if found[service] == nil {
			found[service] = map[string]string{}
		}
		found[service][what] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []Recorded
	for _, service := range Services() {
		p, runs := found[service]
		if !runs {
			continue
		}
		var s EventTypes
		if err := json.Unmarshal([]byte(p["event_types"]), &s); err != nil {
			return nil, fmt.Errorf("read SSM parameter %s: %w; make deploy SERVICE=%s writes it again",
				EventTypesParameter(env, service), err,
				service)
		}
		previous := p["previous"]
		if previous == "none" { // SSM keeps no empty value
			previous = ""
		}
		out = append(out, Recorded{
			Service: service, Build: p["version"], SHA256: p["sha256"], Previous: previous, Consumes: s.Consumes, Emits: s.Emits,
		})
	}
	return out, nil
}

// RecordOf returns the record of one service; false if it was never deployed.
func RecordOf(records []Recorded, service string) (Recorded, bool) {
	i := slices.IndexFunc(records, func(r Recorded) bool { return r.Service == service })
	if i < 0 {
		return Recorded{}, false
	}
	return records[i], true
}

// eachParameter calls visit for every parameter that a service's root recorded in an environment.
func eachParameter(ctx context.Context, client SSM, env string, visit func(service, what, value string) error) error {
	pages := ssm.NewGetParametersByPathPaginator(client, &ssm.GetParametersByPathInput{
		Path: aws.String(servicesPath(env)), Recursive: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("read the running builds of %s from the SSM parameters under %s: %w", env, servicesPath(env), err)
		}
		for _, p := range page.Parameters {
			service, what, _ := strings.Cut(strings.TrimPrefix(aws.ToString(p.Name), servicesPath(env)), "/")
			if Known(service) != nil {
				continue
			}
			if err := visit(service, what, aws.ToString(p.Value)); err != nil {
				return err
			}
		}
	}
	return nil
}
