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

// SpeechParameter is the name of the SSM parameter in which a service's root records what it has deployed.
func SpeechParameter(env, service string) string {
	return servicesPath(env) + service + "/event_types"
}

func servicesPath(env string) string { return "/llac/" + env + "/services/" }

// eventType is the form of our event types.
var eventType = regexp.MustCompile(`^cat\.llac\.[a-z]+\.[a-z]+\.v[1-9][0-9]*$`)

func (s Speech) check() error {
	for _, e := range slices.Concat(s.Consumes, s.Emits) {
		if !eventType.MatchString(e) {
			return fmt.Errorf("%q is no event type, such as cat.llac.landing.written.v1", e)
		}
	}
	if len(s.Consumes) == 0 {
		return fmt.Errorf("it consumes nothing; want {\"consumes\": […], \"emits\": […], \"build\": \"…\"}")
	}
	return nil
}

// ReadDeployed reads what runs from a file: {"<service>": {"consumes": […], "emits": […], "build": "…"}}.
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

// ReadSpeech reads what a release consumes and emits from the file that make package wrote, or that lies beside its package
// in the artifacts bucket.
func ReadSpeech(path, service string) (Speech, error) {
	var r Release
	if err := readJSON(path, &r); err != nil {
		return Speech{}, err
	}
	if r.Service != service {
		return Speech{}, fmt.Errorf("%s is a release of %q, not of %s", path, r.Service, service)
	}
	return r.Speech(), r.Speech().check()
}

// SSM is as much of it as a check asks for; *ssm.Client is one.
type SSM interface {
	ssm.GetParametersByPathAPIClient
}

// Running reads what runs in an environment from the parameters that its services' roots have written. A service that was
// never deployed is not among them.
func Running(ctx context.Context, client SSM, env string) (Deployed, error) {
	d := Deployed{}
	err := eachParameter(ctx, client, env, func(service, what, value string) error {
		if what != "event_types" {
			return nil
		}
		var s Speech
		err := json.Unmarshal([]byte(value), &s)
		if err == nil {
			err = s.check()
		}
		if err != nil {
			return fmt.Errorf("SSM parameter %s does not say what runs: %w; make deploy SERVICE=%s writes it again", SpeechParameter(env, service), err, service)
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
