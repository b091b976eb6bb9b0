package runtime

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
)

func lookup(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

// everyPort is a service that asks for all ports and therefore reads all settings.
var everyPort = Service{Name: "stager", New: Construct(func(Ports) Handler { return nil })}

var required = map[string]string{"LLAC_ENV": "dev", "LLAC_DATA_BUCKET": "d", "LLAC_CONFIG_BUCKET": "c"}

func TestSettings(t *testing.T) {
	t.Parallel()
	m := maps.Clone(required)
	maps.Copy(m, map[string]string{
		"LLAC_PORTAL": "socrata=http://127.0.0.1:9000/, idescat=https://example.org/x", "LLAC_VISIBILITY": "3m", "LLAC_CONCURRENCY": " 4 ",
		"LLAC_TOPIC_ARN": "arn:aws:sns:eu-south-2:123456789012:t", "LLAC_LOG_LEVEL": "debug", "LLAC_BACKOFF": "1s",
		"SOCRATA_APP_TOKEN": "x", "LLAC_POLLERS": "",
	})
	s, err := readSettings(everyPort, lookup(m))
	if err != nil {
		t.Fatal(err)
	}
	if s.visibility != 3*time.Minute || s.concurrency != 4 || s.level.String() != "DEBUG" || s.backoff.First != time.Second ||
		s.backoff.Max != 5*time.Minute || s.pollers != 0 {
		t.Errorf("%+v", s)
	}
	if got := s.portals.BaseURL("socrata", "https://contract"); got != "http://127.0.0.1:9000" {
		t.Error(got)
	}
	if got := s.portals.BaseURL("ckan", "https://contract"); got != "https://contract" {
		t.Error(got)
	}
	if got := s.portals.Hosts(); !slices.Equal(got, []string{"127.0.0.1", "example.org"}) {
		t.Error(got)
	}
}

func TestMemorySettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		own, lambda string
		want        int64
	}{
		{"", "", 0},
		{"300MB", "", 300e6},
		{"", "128", 96 << 20}, // at least the headroom stays free
		{"", "1024", 896 << 20},
		{"512MiB", "1024", 512 << 20},
		{"", "16", 0},
	} {
		m := maps.Clone(required)
		maps.Copy(m, map[string]string{"LLAC_STAGER_MEMORY": c.own, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": c.lambda, "LLAC_TEMP": t.TempDir()})
		s, err := readSettings(everyPort, lookup(m))
		if err != nil {
			t.Fatal(err)
		}
		if s.memoryLimit() != c.want || s.temporary == "" {
			t.Errorf("%+v: memory limit %d, temporary folder %q", c, s.memoryLimit(), s.temporary)
		}
	}
	m := maps.Clone(required)
	maps.Copy(m, map[string]string{"LLAC_STAGER_MEMORY": "63MiB", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "some", "LLAC_TEMP": "/dev/null/none"})
	_, err := readSettings(everyPort, lookup(m))
	for _, want := range []string{"LLAC_STAGER_MEMORY: want at least 192MiB", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE:", "LLAC_TEMP:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestAllInvalidSettingsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := readSettings(everyPort, lookup(map[string]string{
		"LLAC_ENV": "Prod!", "LLAC_CONFIG_BUCKET": "c", "LLAC_QUEUE_URL": "queue", "LLAC_GLUE_DATABASE": "llac-dev",
		"LLAC_TOPIC_ARN": "arn", "LLAC_PORTAL": "socrata=http://example.org",
		"LLAC_ALLOW_SIMULATED": "perhaps", "LLAC_POLLERS": "0", "LLAC_VISIBILITY": "1s", "LLAC_LOG_LEVEL": "loud",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "s3cr3t",
	}))
	if err == nil {
		t.Fatal("invalid settings were accepted")
	}
	for _, want := range []string{"LLAC_ENV:", "LLAC_DATA_BUCKET is not set", "LLAC_QUEUE_URL:", "LLAC_GLUE_DATABASE:",
		"LLAC_TOPIC_ARN:", "LLAC_PORTAL:", "must be https",
		"LLAC_ALLOW_SIMULATED:", "LLAC_POLLERS:", "LLAC_VISIBILITY:", "LLAC_LOG_LEVEL:", "OTEL_EXPORTER_OTLP_ENDPOINT:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Error("the error contains the value of a setting")
	}
}

func TestPortals(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"nowhere=https://x", "socrata", "socrata=", "socrata=ftp://x", "socrata=https://u:p@x",
		"socrata=https://x?q=1", "idescat=http://10.0.0.1"} {
		if _, err := ParsePortals(spec); err == nil {
			t.Errorf("%q was accepted", spec)
		}
	}
	if p, err := ParsePortals(""); err != nil || len(p) != 0 {
		t.Error(p, err)
	}
	if p, err := ParsePortals("ckan=http://[::1]:80,socrata=http://localhost:1"); err != nil || len(p) != 2 {
		t.Error(p, err)
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	s := Service{Name: "stager", Consumes: []string{events.LandingValidated{}.EventType()},
		Emits: []string{events.StagingWritten{}.EventType()}}
	for _, c := range []struct {
		args     []string
		env      map[string]string
		code     int
		out, err string
	}{
		{[]string{"--help"}, nil, 0, "* LLAC_DATA_BUCKET", ""},
		{[]string{"--help"}, nil, 0, "cat.llac.staging.written.v1", ""},
		{[]string{"--version"}, nil, 0, "stager ", ""},
		{[]string{"--verbose"}, nil, 2, "", "unknown argument"},
		{nil, nil, 2, "", "LLAC_ENV is not set"},
	} {
		var out, err bytes.Buffer
		if code := program(s, c.args, lookup(c.env), &out, &err); code != c.code || !strings.Contains(out.String(), c.out) ||
			!strings.Contains(err.String(), c.err) {
			t.Errorf("%v: %d %q %q", c.args, code, out.String(), err.String())
		}
	}
}

func TestHelpListsTheSettingsOfTheService(t *testing.T) {
	t.Parallel()
	var all, few bytes.Buffer
	writeHelp(&all, everyPort)
	writeHelp(&few, Service{Name: "quality-gate", New: Construct(func(struct{ Memory int64 }) Handler { return nil })})
	for _, e := range settingsOf(everyPort) {
		if !strings.Contains(all.String(), e.name) || e.help == "" || e.elsewhere != (e.set == nil) {
			t.Errorf("the help does not list %s", e.name)
		}
	}
	for name, want := range map[string]bool{"LLAC_ENV": true, "LLAC_QUALITY_GATE_MEMORY": true, "LLAC_STAGER_MEMORY": false,
		"LLAC_PORTAL": false, "LLAC_GLUE_DATABASE": false} {
		if strings.Contains(few.String(), name) != want {
			t.Errorf("the help of a service that only asks for memory lists %s: %v, want %v", name, !want, want)
		}
	}
}

func TestOtherFailpointsDoNothing(t *testing.T) {
	t.Parallel()
	Failpoints("stager", "")(FailpointPublishAck)
	Failpoints("stager", "fetcher.publish-ack")(FailpointPublishAck)
	Failpoints("stager", "stager.effect-receipt")(FailpointPublishAck)
}

func TestAttemptIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		a := NewAttempt()
		if len(a) != 8 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" || seen[a] {
			t.Fatal(a)
		}
		seen[a] = true
	}
}
