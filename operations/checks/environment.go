package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/messaging"
)

// Environment checks an AWS environment.
type Environment struct {
	Account   deploy.Account
	Env       string
	Contracts string // folder of the contracts that those in force are compared with
	Now       time.Time
	Command   Command

	inForce []*contract.Contract // set by the check of the contracts
}

// checks lists what is checked, in the order of the findings. The contracts come first: later checks use them.
func (e *Environment) checks() []func(context.Context) []Finding {
	return []func(context.Context) []Finding{e.account, e.contracts, e.services, e.queues, e.published, e.marts}
}

// Run carries out all checks.
func (e *Environment) Run(ctx context.Context) []Finding {
	var out []Finding
	for _, check := range e.checks() {
		out = append(out, check(ctx)...)
	}
	return out
}

func (e *Environment) account(context.Context) []Finding {
	return one("account", OK, e.Account.ID+", "+e.Account.AWS.Region, "")
}

// contracts compares the contracts in force with those of the folder.
func (e *Environment) contracts(ctx context.Context) []Finding {
	publish := e.Command("datasets publish")
	var err error
	e.inForce, err = e.Account.Contracts(ctx, e.Env)
	if err != nil {
		fix := publish + " puts those of this folder in force"
		if len(e.inForce) == 0 {
			fix += "; if there is no environment " + e.Env + ", make stacks ENV=" + e.Env + " creates it"
		}
		return one("contracts", Fail, err.Error(), fix)
	}
	folder, err := pipeline.LoadContracts(e.Contracts)
	if err != nil {
		return one("contracts", Warn, fmt.Sprintf("%s in force; cannot compare them with those of %s: %v",
			format.Plural(len(e.inForce), "contract"), e.Contracts, err), "llac datasets check")
	}
	var differ []string
	for _, c := range folder {
		i := slices.IndexFunc(e.inForce, func(o *contract.Contract) bool { return o.Dataset == c.Dataset })
		if i < 0 || e.inForce[i].SHA256 != c.SHA256 {
			differ = append(differ, c.Dataset)
		}
	}
	if len(differ) > 0 {
		return one("contracts", Warn, "the contracts in force differ from "+e.Contracts+": "+format.List(differ),
			publish+" shows the differences and asks")
	}
	return one("contracts", OK, format.Plural(len(e.inForce), "contract")+" in force, the same as in "+e.Contracts, "")
}

// services checks that every service has been deployed.
func (e *Environment) services(ctx context.Context) []Finding {
	records, err := deploy.Records(ctx, ssm.NewFromConfig(e.Account.AWS), e.Env)
	if err != nil {
		return one("services", Fail, err.Error(), "check your permission to read the environment's SSM parameters")
	}
	var missing, builds []string
	for _, service := range deploy.Services() {
		r, runs := deploy.RecordOf(records, service)
		if !runs {
			missing = append(missing, service)
		} else if !slices.Contains(builds, r.Build) {
			builds = append(builds, r.Build)
		}
	}
	if len(missing) > 0 {
		return one("services", Fail, "never deployed: "+format.List(missing), "make deploy-changed ENV="+e.Env)
	}
	return one("services", OK, fmt.Sprintf("%s deployed, from %s", format.Plural(len(records), "service"),
		format.Plural(len(builds), "build")), "")
}

// queues counts messages that wait, messages that failed permanently, and messages that SNS could not deliver.
func (e *Environment) queues(ctx context.Context) []Finding {
	queues := pipeline.Queues{AWS: e.Account.AWS, Env: e.Env}
	var out []Finding
	for _, kind := range []queueKind{
		{check: "queues", tolerate: true, required: true, name: func(s string) string { return messaging.QueueName(e.Env, s) }},
		{check: "dead letters", required: true, name: func(s string) string { return messaging.DeadLetterQueueName(e.Env, s) },
			fix: e.Command("dlq list") + " shows the reasons; " + e.Command("dlq replay <id>") + " tries again"},
		{check: "undelivered", required: true, name: func(s string) string { return messaging.QueueName(e.Env, s) + "-undelivered" },
			fix: "SNS could not put them into the service's queue: check that it exists and that its policy lets the topic send"},
	} {
		out = append(out, kind.findings(ctx, queues, "check your permission to read the attributes of the environment's queues",
			"make deploy-changed ENV="+e.Env+" creates them")...)
	}
	return out
}

// published checks the age of the published snapshots, and that Glue's tables show them.
func (e *Environment) published(ctx context.Context) []Finding {
	if len(e.inForce) == 0 {
		return nil // the check of the contracts has reported it
	}
	l := ledger.Ledger{Lake: e.Account.Lake(e.Env)}
	var never, stale, behind []string
	for _, c := range e.inForce {
		s, err := l.Status(ctx, c, e.Now)
		if err != nil {
			return one("published", Fail, err.Error(), "check your permission to read state/ and runs/ of the data bucket")
		}
		switch s.Freshness {
		case ledger.NeverPublished:
			never = append(never, c.Dataset)
			continue
		case ledger.Stale:
			stale = append(stale, c.Dataset+" ("+format.Age(time.Duration(s.AgeSeconds)*time.Second)+")")
		}
		database := e.Account.StagingDatabase(e.Env)
		shown, err := shownSnapshot(ctx, glue.NewFromConfig(e.Account.AWS), database, c.Dataset)
		if err != nil {
			return one("tables", Fail, err.Error(), "check your permission to read the Glue database "+database)
		}
		if !strings.EqualFold(shown, s.Snapshot) {
			behind = append(behind, c.Dataset)
		}
	}
	return append(e.freshness(len(e.inForce)-len(never), never, stale), tables(behind)...)
}

func (e *Environment) freshness(published int, never, stale []string) []Finding {
	switch {
	case len(stale) > 0:
		return one("published", Warn, "older than their contracts allow: "+format.List(stale),
			e.Command("status")+" shows how their last runs ended")
	case len(never) > 0:
		return one("published", Warn, "never published: "+format.List(never),
			"they are published when they are due, or now: "+e.Command("run "+never[0]))
	}
	return one("published", OK, format.Plural(published, "dataset")+", all fresh", "")
}

func tables(behind []string) []Finding {
	if len(behind) > 0 {
		return one("tables", Warn, "Glue does not show the published snapshot of "+format.List(behind),
			"the landing-janitor's next sweep repairs it, or the next publication")
	}
	return one("tables", OK, "Glue shows the published snapshots", "")
}

// shownSnapshot returns the snapshot that a public table shows; "" if the table does not exist or Llac did not create it.
func shownSnapshot(ctx context.Context, client *glue.Client, database, dataset string) (string, error) {
	out, err := client.GetTable(ctx, &glue.GetTableInput{DatabaseName: &database, Name: &dataset})
	var missing *types.EntityNotFoundException
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the table %s.%s: %w", database, dataset, err)
	}
	v, err := catalogue.ReadView(*out.Table)
	if err != nil {
		return "", nil // the sweep replaces it with ours
	}
	return v.Snapshot, nil
}

func (e *Environment) marts(ctx context.Context) []Finding {
	return martsOf(ctx, e.Account.Lake(e.Env), e.Command)
}
