package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/platform/local/portal"
)

// simulatorOptions are the flags of `llac simulator`.
type simulatorOptions struct {
	socrata, idescat, ckan string
	rows                   int
}

// simulatorReply is the data of `llac simulator`.
type simulatorReply struct {
	Socrata  string `json:"socrata"`
	Idescat  string `json:"idescat"`
	CKAN     string `json:"ckan"`
	Requests int    `json:"requests"` // that it was sent
}

func (a *App) simulatorCommand() *cobra.Command {
	var o simulatorOptions
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "The simulated portals alone, until Ctrl-C, to try what happens when they misbehave",
		Long: `simulator serves the simulated portals by themselves, until Ctrl-C, and prints the --portal with which another llac run
reads them. They misbehave on request, over HTTP: POST a JSON array of faults to /_llac/faults on any of their addresses, DELETE it
to heal them, POST {"dataset", "change"} to /_llac/republish for a new version. platform/local/portal/README.md lists the kinds.` +
			exitStatus(exitOK, exitError, exitUsage),
		Example: `  llac simulator --socrata 127.0.0.1:9000
  curl -H 'Content-Type: application/json' http://127.0.0.1:9000/_llac/faults \
    -d '[{"kind": "status", "status": 503, "dataset": "9aju-tpwc"}]'
  curl -H 'Content-Type: application/json' http://127.0.0.1:9000/_llac/republish \
    -d '{"dataset": "9aju-tpwc", "change": "shrink"}'`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.socrata, "socrata", "", "loopback address of the Socrata portal (default a free port)")
	cmd.Flags().StringVar(&o.idescat, "idescat", "", "loopback address of Idescat (default a free port)")
	cmd.Flags().StringVar(&o.ckan, "ckan", "", "loopback address of the CKAN portal (default a free port)")
	cmd.Flags().IntVar(&o.rows, "rows", portal.DefaultRegisterRows, fmt.Sprintf("rows of the register of social services, at most %d", portal.MaxRegisterRows))
	cmd.RunE = a.run("simulator", func(ctx context.Context, _ []string) (reply, error) { return a.runSimulator(ctx, o) })
	return cmd
}

func (a *App) runSimulator(ctx context.Context, o simulatorOptions) (reply, error) {
	if o.rows < 1 || o.rows > portal.MaxRegisterRows {
		return reply{}, fail(exitUsage, fmt.Errorf("--rows %d is not possible", o.rows), fmt.Sprintf("say a number from 1 to %d", portal.MaxRegisterRows))
	}
	p := portal.New(portal.Options{RegisterRows: o.rows, SocrataAddress: o.socrata, IdescatAddress: o.idescat, CKANAddress: o.ckan})
	// It outlives ctx for as long as it takes to say goodbye.
	if err := p.Start(context.WithoutCancel(ctx)); err != nil {
		return reply{}, fail(exitUsage, err, "name free loopback addresses, or none")
	}
	defer p.Close()
	r := simulatorReply{Socrata: p.SocrataURL(), Idescat: p.IdescatURL(), CKAN: p.CKANURL()}
	screen := a.newScreen()
	screen.notice(fmt.Sprintf("Simulated portals, until Ctrl-C. Read them with:\n  llac run --portal socrata=%s,idescat=%s,ckan=%s", r.Socrata, r.Idescat, r.CKAN))
	<-ctx.Done()
	r.Requests = len(p.Requests())
	return reply{data: r, text: func(t *text) { t.line("Stopped after %s.", plural(r.Requests, "request")) }}, nil
}
