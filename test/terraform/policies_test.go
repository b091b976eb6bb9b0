package terraform

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	action = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+$`)
	sid    = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	tag    = regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]*$`) // what IAM takes as a tag's value
)

// everything lists the actions that have no resources to name.
var everything = []string{
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetTraceSummaries", "xray:BatchGetTraces",
	"logs:GetQueryResults", "logs:StopQuery", "logs:DescribeQueryDefinitions", "logs:DescribeLogGroups",
	"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics", "cloudwatch:DescribeAlarms",
	"cloudwatch:GetDashboard",
	"ssm:DescribeParameters", "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings",
	"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
	"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
}

// TestPolicies checks every statement: each action is named, it has a reason, and "*" stands only where the action has no resources to
// name, or where a condition narrows it.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, p := range policies(t) {
		if p.About == "" {
			t.Errorf("%s: about is empty: state what the policy is for", name)
		}
		if !tag.MatchString(p.ArchitectureName) {
			t.Errorf("%s: architecture_name becomes a tag, which does not accept %q", name, p.ArchitectureName)
		}
		seen := map[string]bool{}
		for _, s := range p.Statements {
			at := name + "/" + s.Sid
			if !sid.MatchString(s.Sid) || seen[s.Sid] {
				t.Errorf("%s: a Sid has only letters and digits, and is unique", at)
			}
			seen[s.Sid] = true
			if s.Reason == "" || s.Effect != "Allow" || len(s.Action) == 0 || len(s.Resource) == 0 {
				t.Errorf("%s: reason, Allow, actions and resources are required", at)
			}
			for _, a := range s.Action {
				if !action.MatchString(a) {
					t.Errorf("%s: %q: name each action", at, a)
				}
			}
			if slices.Contains(s.Resource, "*") && s.Condition == nil {
				for _, a := range s.Action {
					if !slices.Contains(everything, a) {
						t.Errorf("%s: %s has resources; name them", at, a)
					}
				}
			}
		}
	}
}

// TestLayers checks which service writes, reads and deletes which layer of the lake, as the architecture states, against the policies.
func TestLayers(t *testing.T) {
	t.Parallel()
	all := policies(t)
	layers := func(service, action string) string {
		var out []string
		for _, s := range all[service].Statements {
			if !slices.Contains(s.Action, action) {
				continue
			}
			for _, r := range s.Resource {
				if key, ok := strings.CutPrefix(r, "${data_bucket}/"); ok {
					if layer, _, _ := strings.Cut(key, "/"); !slices.Contains(out, layer) {
						out = append(out, layer)
					}
				}
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	listed := map[string]bool{}
	for _, c := range []struct{ service, writes, reads, deletes string }{
		{"scheduler", "runs state", "runs state", ""},
		{"fetcher", "landing runs state", "evidence landing runs state", ""},
		{"validator", "runs", "landing runs", ""},
		{"stager", "quarantine runs staging", "landing quarantine runs staging state", ""},
		{"quality-gate", "quality runs state", "quality runs staging state", ""},
		{"dbt", "marts runs state", "", "marts"}, // S3DataLakePolicy reads for it
		{"landing-janitor", "archive dead-letters evidence runs state",
			"archive dead-letters evidence landing quality runs staging state", "landing staging"},
	} {
		listed[c.service] = true
		if got := layers(c.service, "s3:PutObject"); got != c.writes {
			t.Errorf("%s writes %q, want %q", c.service, got, c.writes)
		}
		if got := layers(c.service, "s3:GetObject"); got != c.reads {
			t.Errorf("%s reads %q, want %q", c.service, got, c.reads)
		}
		if got := layers(c.service, "s3:DeleteObjectVersion"); got != c.deletes {
			t.Errorf("%s deletes from %q, want %q", c.service, got, c.deletes)
		}
	}
	for _, service := range services() {
		if !listed[service] {
			t.Errorf("%s writes %q, reads %q and deletes from %q; add the layers that it may use to this test", service,
				layers(service, "s3:PutObject"), layers(service, "s3:GetObject"), layers(service, "s3:DeleteObjectVersion"))
		}
	}
}

// TestBoundary checks that the boundary allows exactly the actions of the services' policies, and those that a key or a VPC adds.
func TestBoundary(t *testing.T) {
	t.Parallel()
	all := policies(t)
	var may, used []string
	for _, s := range all["boundary"].Statements {
		if s.Sid != "Keys" && s.Sid != "Network" {
			may = append(may, s.Action...)
		}
	}
	for _, service := range services() {
		for _, s := range all[service].Statements {
			used = append(used, s.Action...)
		}
	}
	slices.Sort(may)
	slices.Sort(used)
	if may, used = slices.Compact(may), slices.Compact(used); !slices.Equal(may, used) {
		t.Errorf("the boundary allows\n%v, the services need\n%v", may, used)
	}
}
