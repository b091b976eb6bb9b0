package cli

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
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// doctorThere looks at an environment of the cloud.
func (a *App) doctorThere(ctx context.Context) ([]finding, error) {
	account, err := a.enter(ctx)
	var nobody *deploy.CredentialsError
	if errors.As(err, &nobody) {
		return nil, err // without them nothing can be looked at
	}
	if err != nil {
		return nil, err
	}
	out := []finding{{"account", well, account.ID + ", " + account.AWS.Region, ""}}
	contracts, found := a.checkInForce(ctx, account)
	out = append(out, found...)
	out = append(out, a.checkRunning(ctx, account)...)
	out = append(out, a.checkQueues(ctx, account)...)
	out = append(out, a.checkPublished(ctx, account, contracts)...)
	return append(out, a.checkMartsOf(ctx, account.Lake(a.env))...), nil
}

// checkInForce compares the contracts in force with those of the folder.
func (a *App) checkInForce(ctx context.Context, account deploy.Account) ([]*contract.Contract, []finding) {
	inForce, err := account.Contracts(ctx, a.env)
	if len(inForce) == 0 && err != nil {
		return nil, []finding{{"contracts", ill, err.Error(), a.llac("datasets publish") + " puts those of this folder in force; is there an environment " + a.env + "? make stacks ENV=" + a.env}}
	}
	if err != nil {
		return inForce, []finding{{"contracts", ill, err.Error(), a.llac("datasets publish") + " puts those of this folder in force"}}
	}
	here, err := pipeline.LoadContracts(a.contracts)
	if err != nil {
		return inForce, []finding{{"contracts", warn, fmt.Sprintf("%s in force; those of %s cannot be compared: %v", plural(len(inForce), "contract"), a.contracts, err), "llac datasets check"}}
	}
	var differ []string
	for _, c := range here {
		i := slices.IndexFunc(inForce, func(o *contract.Contract) bool { return o.Dataset == c.Dataset })
		if i < 0 || inForce[i].SHA256 != c.SHA256 {
			differ = append(differ, c.Dataset)
		}
	}
	if len(differ) > 0 {
		return inForce, []finding{{"contracts", warn, "not in force as they are in " + a.contracts + ": " + and(differ), a.llac("datasets publish") + " shows the difference, and asks"}}
	}
	return inForce, []finding{{"contracts", well, plural(len(inForce), "contract") + " in force, as in " + a.contracts, ""}}
}

// checkRunning looks what has been deployed.
func (a *App) checkRunning(ctx context.Context, account deploy.Account) []finding {
	records, err := deploy.Records(ctx, ssm.NewFromConfig(account.AWS), a.env)
	if err != nil {
		return []finding{{"services", ill, err.Error(), "may you read the SSM parameters of the environment?"}}
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
		return []finding{{"services", ill, "never deployed: " + and(missing), "make deploy-changed ENV=" + a.env}}
	}
	return []finding{{"services", well, plural(len(records), "service") + " deployed, of " + plural(len(builds), "build"), ""}}
}

// checkQueues looks what waits, what was given up and what could not be delivered.
func (a *App) checkQueues(ctx context.Context, account deploy.Account) []finding {
	queues := pipeline.Queues{AWS: account.AWS, Env: a.env}
	var out []finding
	for _, kind := range []struct {
		check, result, fix string
		name               func(service string) string
	}{
		{"queues", well, "", func(s string) string { return messaging.QueueName(a.env, s) }},
		{"dead letters", warn, a.llac("dlq list") + " shows why; " + a.llac("dlq replay <id>") + " tries again", func(s string) string { return messaging.DeadLetterQueueName(a.env, s) }},
		{"undelivered", warn, "SNS could not put them into the service's queue: is it there, and does its policy let the topic send?", func(s string) string { return messaging.QueueName(a.env, s) + "-undelivered" }},
	} {
		total, where, missing := 0, []string{}, []string{}
		var err error
		for _, s := range pipeline.Services {
			d, failed := queues.Depth(ctx, kind.name(s.Name))
			if err = errors.Join(err, failed); d.Total() > 0 {
				total += d.Total()
				where = append(where, s.Name+" "+count(d.Total()))
			} else if made, failed := queues.Made(ctx, kind.name(s.Name)); failed == nil && !made { // none is empty, too
				missing = append(missing, kind.name(s.Name))
			}
		}
		switch {
		case err != nil:
			out = append(out, finding{kind.check, ill, err.Error(), "may you read the attributes of the environment's queues?"})
		case len(missing) > 0:
			out = append(out, finding{kind.check, ill, "missing: " + and(missing), "make deploy-changed ENV=" + a.env + " makes them"})
		case total > 0:
			out = append(out, finding{kind.check, kind.result, plural(total, "message") + ": " + strings.Join(where, ", "), kind.fix})
		default:
			out = append(out, finding{kind.check, well, plural(total, "message"), ""})
		}
	}
	return out
}

// checkPublished looks at pointers, how old they are, and whether Glue's tables follow them.
func (a *App) checkPublished(ctx context.Context, account deploy.Account, contracts []*contract.Contract) []finding {
	l := ledger.Ledger{Lake: account.Lake(a.env)}
	var never, stale, behind []string
	for _, c := range contracts {
		s, err := l.Status(ctx, c, a.Clock.Now())
		if err != nil {
			return []finding{{"published", ill, err.Error(), "may you read state/ and runs/ of the data bucket?"}}
		}
		switch s.Freshness {
		case ledger.NeverPublished:
			never = append(never, c.Dataset)
			continue
		case ledger.Stale:
			stale = append(stale, c.Dataset+" ("+age(time.Duration(s.AgeSeconds)*time.Second)+")")
		}
		shown, err := shownSnapshot(ctx, glue.NewFromConfig(account.AWS), account.StagingDatabase(a.env), c.Dataset)
		if err != nil {
			return []finding{{"tables", ill, err.Error(), "may you read the Glue database " + account.StagingDatabase(a.env) + "?"}}
		}
		if !strings.EqualFold(shown, s.Snapshot) {
			behind = append(behind, c.Dataset)
		}
	}
	if len(contracts) == 0 {
		return nil // told with the contracts
	}
	published := len(contracts) - len(never)
	f := finding{"published", well, plural(published, "dataset") + ", all fresh", ""}
	switch {
	case len(stale) > 0:
		f = finding{"published", warn, "older than their contracts allow: " + and(stale), a.llac("status") + " says how their last runs ended"}
	case len(never) > 0:
		f = finding{"published", warn, "never published: " + and(never), "they come when they are due, or at once: " + a.llac("run "+never[0])}
	}
	tables := finding{"tables", well, "Glue shows what is published", ""}
	if len(behind) > 0 {
		tables = finding{"tables", warn, "Glue does not show what is published of " + and(behind), "the landing-janitor's next sweep mends it, or the next publication"}
	}
	return []finding{f, tables}
}

// shownSnapshot is the snapshot that a public table shows; "" where there is no such table, or it is none of ours.
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
		return "", nil // the sweep puts ours in its place
	}
	return v.Snapshot, nil
}

// checkMartsOf looks whether the marts of a lake are those of its snapshots.
func (a *App) checkMartsOf(ctx context.Context, store lake.Store) []finding {
	m, err := martsStatusOf(ctx, store)
	switch {
	case err != nil:
		return []finding{{"marts", ill, err.Error(), "look at who may read the lake"}}
	case m == nil:
		return []finding{{"marts", well, "never built; " + a.llac("marts") + " builds them", ""}}
	case len(m.Behind) > 0:
		return []finding{{"marts", warn, "build " + m.Build + " is behind " + and(m.Behind), a.llac("marts") + " builds them anew"}}
	}
	return []finding{{"marts", well, "build " + m.Build + ", " + plural(m.Models, "model"), ""}}
}
