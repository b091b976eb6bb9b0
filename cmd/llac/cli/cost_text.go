package cli

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/operations/format"
)

func usd(v float64) string { return fmt.Sprintf("$%.2f", v) }

func costText(t *text, table cost.Table, r costReply) {
	t.line("Prices of %s, %s: %s.", r.AsOf, r.Region, table.Source)
	if s := r.Standing; s != nil {
		t.line("\nAN IDLE MONTH of %s (%s)", r.Env, format.Plural(s.Plans, "plan"))
		bill(t, r.Idle)
		t.line("an idle month: %s", usd(r.IdleUSD))
	}
	if len(r.Runs) > 0 {
		costOfRuns(t, r)
	}
	budget, color := "not set", green
	if r.Budget > 0 {
		budget = usd(r.Budget)
	}
	if r.Over() {
		color = red
	}
	t.line("\nA month of %s: %s. The architecture expects %s; the budget is %s.", r.Env, t.paint(color, usd(r.MonthUSD)),
		usd(r.Architecture),
		budget)
	for _, n := range r.Notes {
		t.line("note: %s", n)
	}
	if r.Review != nil {
		reviewText(t, *r.Review, r.MonthUSD)
	}
}

// bill writes lines of a bill; lines under half a cent are listed together.
func bill(t *text, all []cost.Line) {
	var rows [][]string
	var nothing []string
	for _, l := range all {
		if l.USD < 0.005 {
			nothing = append(nothing, l.What)
			continue
		}
		rows = append(rows, []string{l.Text, format.Decimal(l.Quantity), format.Decimal(l.Free), price(l.Price),
			fmt.Sprintf("%.2f", l.USD)})
	}
	t.table([]string{"RESOURCE", ">QUANTITY", "?>FREE", "?>$ EACH", ">$/MONTH"}, rows, nil)
	if len(nothing) > 0 {
		t.line("under half a cent: %s", strings.Join(nothing, ", "))
	}
}

// price writes a price, however small.
func price(v float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.10f", v), "0"), ".")
}

func costOfRuns(t *text, r costReply) {
	t.line("\nWHAT RUNS ADD, at list price")
	var rows [][]string
	for _, one := range r.Runs {
		gb := 0.0
		for _, v := range one.GBSeconds {
			gb += v
		}
		rows = append(rows, []string{
			one.Dataset, format.Count(one.RunsAMonth), fmt.Sprintf("%.4f", one.USD), fmt.Sprintf("%.4f", one.MonthUSD),
			provenance(one.SourceSystem), format.Count(one.Invocations),
			fmt.Sprintf("%.1f", gb), format.Count(one.Messages), format.Count(one.Puts), format.Count(one.Gets), format.Size(one.Published),
			format.Size(one.Archived),
		})
	}
	t.table([]string{"DATASET", ">RUNS/MONTH", ">$/RUN", ">$/MONTH", "~DATA", "?>INVOCATIONS", "?>GB-S", "?>MESSAGES", "?>PUTS", "?>GETS",
		"?>PUBLISHED", "?>ARCHIVED"}, rows, nil)
	t.line("")
	rows = nil
	for _, s := range r.Services {
		rows = append(rows, []string{s.Service, fmt.Sprintf("%.4f", s.USD)})
	}
	t.table([]string{"SERVICE", ">$/MONTH"}, rows, nil)
	t.line("the runs of a month add %s after the free allowances", usd(r.RunsUSD))
}

func reviewText(t *text, v costReview, expected float64) {
	t.line("\nREVIEW OF %s: %s in the lake", v.Month, format.Plural(v.Runs, "run"))
	if v.Command != "" {
		t.line("ask AWS for the cost, then use --actual costs.json:\n  %s", v.Command)
		return
	}
	var rows [][]string
	for _, l := range v.Lines {
		rows = append(rows, []string{l.Service, fmt.Sprintf("%.2f", l.Expected), fmt.Sprintf("%.2f", l.Actual),
			fmt.Sprintf("%+.2f", l.Actual-l.Expected)})
	}
	t.table([]string{"AWS SERVICE", ">EXPECTED", ">CHARGED", ">DIFFERENCE"}, rows, nil)
	t.line("charged: %s, expected: %s", usd(v.Actual), usd(expected))
}
