package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/runtime"
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
		Short: "What a month costs on AWS: idle first, then what the runs add",
		Long: `cost prints what a month in which nothing happens costs, because that decides a small budget: metrics, alarms, dashboards, keys,
and queues that are waited at. It counts them in Terraform's plans (terraform show -json). Then it prints what the runs add: from the
receipts of the last published run of each dataset in the lake, times the runs that its contract asks for, each taken to find a new
version. Durations are those of the machine that ran it; what neither plan nor receipt tells is an assumption, in the same file as
the prices, which bear a date.

What AWS gives for free it gives once an account. --beside takes the plans of another environment in the account, such as those of
prod when --plan are dev's: it uses up the free metrics, alarms, dashboards and requests first.

--check fails when a month would cost more than the environment's budget, or when the plans hold something whose price is not known.
--month says how to review a month that is over, and with --actual puts what AWS has charged beside what was expected.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials, exitOverBudget),
		Example: `  terraform/tf dev stacks/storage plan -out=$PWD/plans/storage.plan
  terraform/tf dev stacks/storage show -json $PWD/plans/storage.plan > plans/storage.json
  llac cost --plan plans
  llac cost --plan plans --env dev --check
  llac cost --plan plans/dev --beside plans/prod
  llac cost --plan plans --month 2025-10 --actual costs.json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringArrayVar(&o.plans, "plan", nil, "a plan of Terraform in JSON, or a folder of them; may be given several times")
	cmd.Flags().StringArrayVar(&o.beside, "beside", nil, "plans of what else stands in the account and uses up what is free")
	cmd.Flags().StringVar(&o.env, "env", "dev", "the environment, whose budget counts")
	cmd.Flags().BoolVar(&o.cloud, "cloud", false, "read the runs from the environment's lake instead of --dir")
	cmd.Flags().BoolVar(&o.check, "check", false, "fail when a month would cost more than the budget")
	cmd.Flags().StringVar(&o.month, "month", "", "review this month: 2025-10")
	cmd.Flags().StringVar(&o.actual, "actual", "", "what aws ce get-cost-and-usage printed of it")
	cmd.RunE = a.run("cost", func(ctx context.Context, _ []string) (reply, error) { return a.runCost(ctx, o) })
	return cmd
}

// costReply is the data of `llac cost`.
type costReply struct {
	cost.Estimate
	Notes  []string    `json:"notes"`
	Review *costReview `json:"review,omitempty"`
}

type costReview struct {
	Month   string          `json:"month"`
	Runs    int             `json:"runs"` // of that month, in the lake
	Command string          `json:"command,omitempty"`
	Lines   []cost.Reviewed `json:"lines,omitempty"`
	Actual  float64         `json:"actual_usd"`
}

func (a *App) runCost(ctx context.Context, o costOptions) (reply, error) {
	if err := deploy.CheckEnv(o.env); err != nil {
		return reply{}, fail(exitUsage, err, "--env dev")
	}
	var month time.Time
	if o.month != "" || o.actual != "" {
		var err error
		if month, err = time.Parse("2006-01", o.month); err != nil {
			return reply{}, fail(exitUsage, fmt.Errorf("--month %q is no month", o.month), "--month 2025-10")
		}
	}
	if o.check && len(o.plans) == 0 {
		return reply{}, fail(exitUsage, errors.New("--check without --plan would leave out what costs most"), "terraform show -json writes a plan; llac cost --help shows how")
	}
	table := cost.Prices()
	out := costReply{Notes: []string{}}
	var standing *cost.Standing
	if len(o.plans) > 0 {
		var err error
		if standing, err = table.ReadPlans(o.plans); err != nil {
			return reply{}, fail(exitUsage, err, "terraform show -json <plan> > plans/<root>.json")
		}
	} else {
		out.Notes = append(out.Notes, "no --plan is given: what an idle month costs is not counted")
	}
	var beside *cost.Standing
	if len(o.beside) > 0 {
		var err error
		if beside, err = table.ReadPlans(o.beside); err != nil {
			return reply{}, fail(exitUsage, err, "terraform show -json <plan> > plans/<root>.json")
		}
		out.Notes = append(out.Notes, "what stands beside it in the account uses up what is free first")
	}
	l, contracts, err := a.costLedger(ctx, o)
	if err != nil {
		return reply{}, err
	}
	var runs []cost.Run
	if l != nil {
		var requests map[string]cost.Requests
		if !o.cloud { // an environment's spans are in X-Ray
			if requests, err = cost.ReadRequests(pipeline.SpanFile(a.dir)); err != nil {
				return reply{}, err
			}
		}
		runs, err = table.Runs(ctx, *l, requests, contracts, standing, a.Clock.Now())
	}
	switch {
	case err == nil && l == nil, errors.Is(err, cost.ErrNoRuns):
		out.Notes = append(out.Notes, "no published run is in this lake: what runs add is not counted ("+a.llac("run")+" makes some)")
	case err != nil:
		return reply{}, err
	}
	for _, r := range runs {
		if r.Uncounted > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%s: the requests of %d of %d invocations to the lake were not counted; "+
				"only llac run in this version counts them", r.Dataset, r.Uncounted, r.Invocations))
		}
	}
	out.Estimate = table.Estimate(o.env, standing, runs, max(len(contracts), len(runs)), beside)
	if standing != nil {
		for _, kind := range standing.Unknown {
			out.Notes = append(out.Notes, kind+" has no price in the table, and is not counted")
		}
		for _, r := range standing.Rates {
			out.Notes = append(out.Notes, "the schedule "+r+" cannot be counted; write it as a rate")
		}
	}
	if o.month != "" {
		if out.Review, err = a.review(ctx, o, table, month, l, out.Month); err != nil {
			return reply{}, err
		}
	}
	r := reply{data: out, text: func(t *text) { costText(t, table, out) }}
	switch {
	case !o.check:
	case out.Over():
		return r, fail(exitOverBudget, fmt.Errorf("a month of %s would cost %s, and its budget is %s", o.env, usd(out.MonthUSD), usd(out.Budget)), "the dearest lines come first; take something away, or raise the budget in operations/cost/prices.json and in Terraform")
	case len(standing.Unknown)+len(standing.Rates) > 0:
		return r, fail(exitOverBudget, errors.New("the estimate is not whole"), "put the prices of what the notes name into operations/cost/prices.json")
	}
	return r, nil
}

// costLedger is the ledger to learn from, with the contracts in force; nil where there is no lake.
func (a *App) costLedger(ctx context.Context, o costOptions) (*ledger.Ledger, []*contract.Contract, error) {
	if o.cloud {
		account, err := openAccount(ctx, o.env)
		if err != nil {
			return nil, nil, err
		}
		contracts, err := account.Contracts(ctx, o.env)
		return &ledger.Ledger{Lake: account.Lake(o.env)}, contracts, err
	}
	l, err := a.ledger(ctx)
	var none *pipeline.NoLakeError
	if errors.As(err, &none) {
		contracts, err := pipeline.LoadContracts(a.contracts)
		if err != nil {
			return nil, nil, nil // then the ticks' reads are not counted, which are a cent
		}
		return nil, contracts, nil
	}
	if err != nil {
		return nil, nil, err
	}
	deployed := &runtime.ConfigContracts{Store: filelake.Open(a.dir, pipeline.ConfigBucket)}
	contracts, err := deployed.Current(ctx)
	if err != nil {
		return nil, nil, fail(exitNotFound, err, a.llac("run")+" deploys them")
	}
	return &l, contracts, nil
}

func (a *App) review(ctx context.Context, o costOptions, table cost.Table, month time.Time, l *ledger.Ledger, expected []cost.Line) (*costReview, error) {
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

func usd(v float64) string { return fmt.Sprintf("$%.2f", v) }

func costText(t *text, table cost.Table, r costReply) {
	t.line("Prices of %s, %s: %s.", r.AsOf, r.Region, table.Source)
	if s := r.Standing; s != nil {
		t.line("\nAN IDLE MONTH of %s (%s)", r.Env, plural(s.Plans, "plan"))
		t.lines(r.Idle)
		t.line("an idle month: %s", usd(r.IdleUSD))
	}
	if len(r.Runs) > 0 {
		t.line("\nWHAT RUNS ADD, at list price")
		var rows [][]string
		for _, one := range r.Runs {
			gb := 0.0
			for _, v := range one.GBSeconds {
				gb += v
			}
			rows = append(rows, []string{one.Dataset, count(one.RunsAMonth), count(one.Invocations), fmt.Sprintf("%.1f", gb), count(one.Messages), count(one.Puts), count(one.Gets),
				size(one.Published), size(one.Archived), fmt.Sprintf("%.4f", one.USD), fmt.Sprintf("%.4f", one.MonthUSD), provenance(one.SourceSystem)})
		}
		t.table([]string{"DATASET", ">RUNS/MONTH", ">INVOCATIONS", ">GB-S", ">MESSAGES", ">PUTS", ">GETS", ">PUBLISHED", ">ARCHIVED", ">$/RUN", ">$/MONTH", "DATA"}, rows, nil)
		t.line("")
		rows = nil
		for _, s := range r.Services {
			rows = append(rows, []string{s.Service, fmt.Sprintf("%.4f", s.USD)})
		}
		t.table([]string{"SERVICE", ">$/MONTH"}, rows, nil)
		t.line("the runs of a month add %s once the free allowances are counted", usd(r.RunsUSD))
	}
	t.line("\nA month of %s: %s. The architecture says %s; the budget is %s.", r.Env, t.paint(overColor(r), usd(r.MonthUSD)), usd(r.Architecture), cmp.Or(budget(r.Budget), "not set"))
	for _, n := range r.Notes {
		t.line("note: %s", n)
	}
	if v := r.Review; v != nil {
		t.line("\nREVIEW OF %s: %s in the lake", v.Month, plural(v.Runs, "run"))
		if v.Command != "" {
			t.line("ask AWS what it cost, then give --actual costs.json:\n  %s", v.Command)
			return
		}
		var rows [][]string
		for _, l := range v.Lines {
			rows = append(rows, []string{l.Service, fmt.Sprintf("%.2f", l.Expected), fmt.Sprintf("%.2f", l.Actual), fmt.Sprintf("%+.2f", l.Actual-l.Expected)})
		}
		t.table([]string{"AWS SERVICE", ">EXPECTED", ">CHARGED", ">MORE"}, rows, nil)
		t.line("charged: %s, expected: %s", usd(v.Actual), usd(r.MonthUSD))
	}
}

func budget(v float64) string {
	if v <= 0 {
		return ""
	}
	return usd(v)
}

func overColor(r costReply) string {
	if r.Over() {
		return red
	}
	return green
}

// lines writes a bill; what comes to nothing is told in one line.
func (t *text) lines(all []cost.Line) {
	var rows [][]string
	var nothing []string
	for _, l := range all {
		if l.USD < 0.005 {
			nothing = append(nothing, l.What)
			continue
		}
		rows = append(rows, []string{l.Text, decimal(l.Quantity), decimal(l.Free), trimmed(l.Price), fmt.Sprintf("%.2f", l.USD)})
	}
	t.table([]string{"WHAT STANDS", ">QUANTITY", ">FREE", ">$ EACH", ">$/MONTH"}, rows, nil)
	if len(nothing) > 0 {
		t.line("under half a cent: %s", strings.Join(nothing, ", "))
	}
}

// trimmed writes a price, however small.
func trimmed(v float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.10f", v), "0"), ".")
}
