package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/source/portals"
)

// simulatorOptions are the flags of `llac simulator`.
type simulatorOptions struct {
	addresses map[string]*string // by portal kind
	rows      int
}

func (a *App) simulatorCommand() *cobra.Command {
	o := simulatorOptions{addresses: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Serve the simulated portals alone, to try out their failures",
		Long: `Serve the simulated portals alone until Ctrl-C, and print the --portal with
which another llac run reads them.

They fail on request, over HTTP: POST a JSON array of faults to /_llac/faults on
any of their addresses, DELETE it to remove the faults, and POST
{"dataset", "change"} to /_llac/republish for a new version.
platform/local/portal/README.md lists the kinds of faults.` +
			exitStatus(exitOK, exitError, exitUsage),
		Example: `  llac simulator --socrata 127.0.0.1:9000
  curl -H 'Content-Type: application/json' \
    http://127.0.0.1:9000/_llac/faults \
    -d '[{"kind": "status", "status": 503, "dataset": "9aju-tpwc"}]'
  curl -H 'Content-Type: application/json' \
    http://127.0.0.1:9000/_llac/republish \
    -d '{"dataset": "9aju-tpwc", "change": "shrink"}'`,
		Args: cobra.NoArgs,
	}
	for _, kind := range portals.All {
		o.addresses[kind.Name] = cmd.Flags().String(kind.Name, "",
			"loopback address of the simulated "+kind.Title+" portal (default: a free port)")
	}
	cmd.Flags().IntVar(&o.rows, "rows", portal.DefaultRegisterRows,
		fmt.Sprintf("number of rows of the register of social services, at most %d", portal.MaxRegisterRows))
	cmd.RunE = a.run("simulator", func(ctx context.Context, _ []string) (reply, error) { return a.runSimulator(ctx, o) })
	return cmd
}

func (a *App) runSimulator(ctx context.Context, o simulatorOptions) (reply, error) {
	if o.rows < 1 || o.rows > portal.MaxRegisterRows {
		return reply{}, invalid(fmt.Sprintf("use a number from 1 to %d", portal.MaxRegisterRows), "--rows %d is out of range", o.rows)
	}
	addresses := map[string]string{}
	for kind, address := range o.addresses {
		addresses[kind] = *address
	}
	p := portal.New(portal.Options{RegisterRows: o.rows, Addresses: addresses})
	// The simulator outlives ctx, so that it still serves and counts the last requests.
	if err := p.Start(context.WithoutCancel(ctx)); err != nil {
		return reply{}, fail(exitUsage, err, "name free loopback addresses, or none")
	}
	defer p.Close()
	data := map[string]any{} // the address of each portal kind, and the number of requests
	for kind, url := range p.URLs() {
		data[kind] = url
	}
	a.newScreen().write("Simulated portals, until Ctrl-C. Read them with:\n  llac run --portal " + p.Setting())
	<-ctx.Done()
	requests := len(p.Requests())
	data["requests"] = requests
	return reply{data: data, text: func(t *text) { t.line("Stopped after %s.", format.Plural(requests, "request")) }}, nil
}
