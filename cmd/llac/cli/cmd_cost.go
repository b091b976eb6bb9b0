package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/contract"
)

// costOptions are the flags of `llac cost`.
type costOptions struct {
	plans  []string
	beside []string
	env    string
	cloud  bool
	check  bool
	month  string
	actual string
}

func (a *App) costCommand() *cobra.Command {
	var o costOptions
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Estimate the cost of a month on AWS: an idle month, then the runs",
		Long: `Estimate the cost of a month on AWS. First the cost of an idle month, which
decides a small budget: metrics, alarms, dashboards, keys, and polled queues, as
counted in Terraform's plans (terraform show -json). Then the cost that runs
add: from the receipts of the last published run of each dataset, times the runs
that its contract requests, each taken to find a new version. Durations are
those of the machine that ran it. Assumptions are in the same file as the
prices, which are dated.

AWS grants free allowances once per account. --beside takes the plans of another
environment in the account, such as those of prod if --plan are dev's: its
metrics, alarms, dashboards and requests use up the free allowances first.

--check fails if a month would cost more than the environment's budget, or if
the estimate is incomplete: the plans contain something without a known price,
or the requests of a run to the lake were not counted, such as those of an
environment (--cloud). --month shows how to review a past month, and with
--actual compares what AWS charged with the estimate.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials, exitOverBudget),
		Example: `  terraform/tf dev stacks/storage plan -out=$PWD/plans/storage.plan
  terraform/tf dev stacks/storage show -json $PWD/plans/storage.plan \
    > plans/storage.json
  llac cost --plan plans
  llac cost --plan plans --env dev --check
  llac cost --plan plans/dev --beside plans/prod
  llac cost --plan plans --month 2025-10 --actual costs.json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringArrayVar(&o.plans, "plan", nil, "plan of Terraform in JSON, or a folder of plans; may be repeated")
	cmd.Flags().StringArrayVar(&o.beside, "beside", nil,
		"plans of other environments in the account, which use up the free allowances; may be repeated")
	cmd.Flags().StringVar(&o.env, "env", "dev", "environment of the plans and the budget")
	cmd.Flags().BoolVar(&o.cloud, "cloud", false, "runs from the environment's lake instead of --dir")
	cmd.Flags().BoolVar(&o.check, "check", false, "exit status 13 if a month would cost more than the budget")
	cmd.Flags().StringVar(&o.month, "month", "", "month to review, such as 2025-10")
	cmd.Flags().StringVar(&o.actual, "actual", "", "output of aws ce get-cost-and-usage for that month")
	cmd.RunE = a.run("cost", func(ctx context.Context, _ []string) (reply, error) { return a.runCost(ctx, o) })
	return cmd
}

// costReply is the data of `llac cost`.
type costReply struct {
	cost.Estimate
	Notes  []string    `json:"notes"`
	Review *costReview `json:"review,omitempty"`
}

func (r *costReply) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// costReview compares a past month with the estimate.
type costReview struct {
	Month   string          `json:"month"`
	Runs    int             `json:"runs"` // of that month, in the lake
	Command string          `json:"command,omitempty"`
	Lines   []cost.Reviewed `json:"lines,omitempty"`
	Actual  float64         `json:"actual_usd"`
}

// parse refuses flags that make no sense, and returns the month.
func (o costOptions) parse() (month time.Time, err error) {
	if err := deploy.CheckEnv(o.env); err != nil {
		return month, fail(exitUsage, err, "--env dev")
	}
	if o.check && len(o.plans) == 0 {
		return month, invalid("terraform show -json writes a plan; llac cost --help shows how",
			"--check without --plan would ignore the largest part of the cost")
	}
	if o.month != "" || o.actual != "" {
		if month, err = time.Parse("2006-01", o.month); err != nil {
			return month, invalid("--month 2025-10", "--month %q is not a month", o.month)
		}
	}
	return month, nil
}

func (a *App) runCost(ctx context.Context, o costOptions) (reply, error) {
	month, err := o.parse()
	if err != nil {
		return reply{}, err
	}
	table := cost.Prices()
	out := costReply{Notes: []string{}}
	standing, beside, err := o.standing(table, &out)
	if err != nil {
		return reply{}, err
	}
	l, contracts, err := a.costLedger(ctx, o)
	if err != nil {
		return reply{}, err
	}
	var runs []cost.Run
	if l != nil {
		runs, err = a.costRuns(ctx, o, table, *l, contracts, standing)
	}
	switch {
	case err == nil && l == nil, errors.Is(err, cost.ErrNoRuns):
		out.note("this lake has no published run: the cost of runs is not included (%s publishes some)", a.llac("run"))
	case err != nil:
		return reply{}, err
	}
	for _, r := range runs {
		if r.Uncounted > 0 {
			out.note("%s: the requests of %d of %d invocations to the lake were not counted; only llac run in this version counts them",
				r.Dataset, r.Uncounted, r.Invocations)
		}
	}
	out.Estimate = table.Estimate(o.env, standing, runs, max(len(contracts), len(runs)), beside)
	out.noteUnknown(standing)
	if o.month != "" {
		if out.Review, err = o.review(ctx, table, month, l, out.Month); err != nil {
			return reply{}, err
		}
	}
	return reply{data: out, text: func(t *text) { costText(t, table, out) }}, a.costVerdict(o, out, standing)
}

// costRuns reads the last published runs, with the requests to the lake that the spans of this machine have.
func (a *App) costRuns(ctx context.Context, o costOptions, t cost.Table, l ledger.Ledger, contracts []*contract.Contract,
	s *cost.Standing) ([]cost.Run, error) {
	var requests map[string]cost.Requests
	if !o.cloud { // an environment's spans are in X-Ray
		var err error
		if requests, err = cost.ReadRequests(pipeline.SpanFile(a.address.Dir)); err != nil {
			return nil, err
		}
	}
	return t.Runs(ctx, l, requests, contracts, s, a.Clock.Now())
}

// standing reads the plans of the environment and of the others in its account; nil for those without plans.
func (o costOptions) standing(table cost.Table, out *costReply) (standing, beside *cost.Standing, err error) {
	const hint = "terraform show -json <plan> > plans/<root>.json"
	if len(o.plans) == 0 {
		out.note("without --plan the cost of an idle month is not included")
	} else if standing, err = table.ReadPlans(o.plans); err != nil {
		return nil, nil, fail(exitUsage, err, hint)
	}
	if len(o.beside) > 0 {
		if beside, err = table.ReadPlans(o.beside); err != nil {
			return nil, nil, fail(exitUsage, err, hint)
		}
		out.note("the other environments in the account use up the free allowances first")
	}
	return standing, beside, nil
}

// noteUnknown notes what could not be priced.
func (r *costReply) noteUnknown(standing *cost.Standing) {
	if standing == nil {
		return
	}
	for _, kind := range standing.Unknown {
		r.note("%s has no price in the table, and is not included", kind)
	}
	for _, rate := range standing.Rates {
		r.note("the schedule %s cannot be counted; write it as a rate", rate)
	}
}

// costVerdict is the error of --check.
func (a *App) costVerdict(o costOptions, out costReply, standing *cost.Standing) error {
	var uncounted []string
	for _, r := range out.Runs {
		if r.Uncounted > 0 {
			uncounted = append(uncounted, r.Dataset)
		}
	}
	switch {
	case !o.check:
		return nil
	case out.Over():
		return fail(exitOverBudget, fmt.Errorf("a month of %s would cost %s, and its budget is %s", o.env, usd(out.MonthUSD),
			usd(out.Budget)),
			"the most expensive lines come first; remove something, or raise the budget in operations/cost/prices.json and in Terraform")
	case len(standing.Unknown)+len(standing.Rates) > 0:
		return fail(exitOverBudget, errors.New("the estimate is incomplete"),
			"add the prices of what the notes name to operations/cost/prices.json")
	case len(uncounted) > 0: // the requests to the lake would cost nothing
		err := fmt.Errorf("the estimate is incomplete: the requests of %s to the lake were not counted", format.List(uncounted))
		if o.cloud {
			return fail(exitOverBudget, err, "leave --cloud out, and check the runs of this machine")
		}
		return fail(exitOverBudget, err, a.llac("run --force "+strings.Join(uncounted, " "))+" counts them")
	}
	return nil
}

// costLedger returns the ledger of past runs, and the contracts in force; a nil ledger if there is no lake.
func (a *App) costLedger(ctx context.Context, o costOptions) (*ledger.Ledger, []*contract.Contract, error) {
	address := a.address
	if o.cloud {
		address.Env = o.env
	}
	p, err := address.Open(ctx, place.Options{Clock: a.Clock, Account: a.Account})
	if err != nil {
		return nil, nil, err
	}
	l, err := p.Ledger()
	var noLake *pipeline.NoLakeError
	if errors.As(err, &noLake) {
		contracts, err := pipeline.LoadContracts(a.address.Contracts)
		if err != nil {
			return nil, nil, nil // the reads of the scheduler's ticks, about a cent, are not included
		}
		return nil, contracts, nil
	}
	if err != nil {
		return nil, nil, err
	}
	contracts, err := p.Contracts(ctx)
	return &l, contracts, err
}

func (o costOptions) review(ctx context.Context, table cost.Table, month time.Time, l *ledger.Ledger, expected []cost.Line) (*costReview,
	error) {
	r := &costReview{Month: o.month}
	if l != nil {
		requests, err := l.Requests(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, one := range requests {
			if strings.HasPrefix(one.Slot, month.Format("200601")) {
				r.Runs++
			}
		}
	}
	if o.actual == "" {
		r.Command = cost.ExplorerCommand(o.env, month)
		return r, nil
	}
	actual, err := cost.ReadActual(o.actual)
	if err != nil {
		return nil, fail(exitUsage, err, cost.ExplorerCommand(o.env, month))
	}
	r.Lines = table.Review(expected, actual)
	for _, v := range actual {
		r.Actual += v
	}
	return r, nil
}
