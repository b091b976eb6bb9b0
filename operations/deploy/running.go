package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// EventTypesParameter returns the name of the SSM parameter in which a service's root records the event types of its build.
func EventTypesParameter(env, service string) string {
	return servicesPath(env) + service + "/event_types"
}

func servicesPath(env string) string { return "/llac/" + env + "/services/" }

// eventType matches the event types of Llac.
var eventType = regexp.MustCompile(`^cat\.llac\.[a-z]+\.[a-z]+\.v[1-9][0-9]*$`)

func (s EventTypes) check() error {
	for _, e := range slices.Concat(s.Consumes, s.Emits) {
		if !eventType.MatchString(e) {
			return fmt.Errorf("%q is not an event type such as cat.llac.landing.written.v1", e)
		}
	}
	if len(s.Consumes) == 0 {
		return fmt.Errorf("it consumes nothing; write {\"consumes\": […], \"emits\": […], \"build\": \"…\"}")
	}
	return nil
}

// ReadDeployed reads the running builds from a file: {"<service>": {"consumes": […], "emits": […], "build": "…"}}.
func ReadDeployed(path string) (Deployed, error) {
	var d Deployed
	if err := readJSON(path, &d); err != nil {
		return nil, err
	}
	for service, s := range d {
		if err := Known(service); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, service, err)
		}
	}
	return d, nil
}

// ReadEventTypes reads what a release consumes and emits from the file that make package writes and that the artifacts bucket
// has next to its package.
func ReadEventTypes(path, service string) (EventTypes, error) {
	var r Release
	if err := readJSON(path, &r); err != nil {
		return EventTypes{}, err
	}
	if r.Service != service {
		return EventTypes{}, fmt.Errorf("read %s: it is a release of %q, not of %s", path, r.Service, service)
	}
	return r.EventTypes(), r.EventTypes().check()
}

// SSM is the part of *ssm.Client that a check needs.
type SSM interface {
	ssm.GetParametersByPathAPIClient
}

// Running reads the running builds of an environment from the parameters that its services' roots wrote, without services that
// were never deployed.
func Running(ctx context.Context, client SSM, env string) (Deployed, error) {
	d := Deployed{}
	err := eachParameter(ctx, client, env, func(service, what, value string) error {
		if what != "event_types" {
			return nil
		}
		var s EventTypes
		err := json.Unmarshal([]byte(value), &s)
		if err == nil {
			err = s.check()
		}
		if err != nil {
			return fmt.Errorf("read SSM parameter %s: %w; make deploy SERVICE=%s writes it again",
				EventTypesParameter(env, service), err, service)
		}
		d[service] = s
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
