package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
)

// deployRunningOptions are the flags of `llac deploy running`.
type deployRunningOptions struct {
	env, out string
	previous bool
}

func (a *App) deployRunningCommand() *cobra.Command {
	var o deployRunningOptions
	cmd := &cobra.Command{
		Use:   "running [service]",
		Short: "List the builds that are deployed in an environment",
		Long: `List what the services' Terraform roots recorded at their last deploy: the
build, the digest of the package, and that of the previous package.

With a service and --out, also write the inputs of terraform for the deployed
package, <service>.<env>.backend.hcl and <service>.<env>.tfvars.json: a plan
with them shows what a root would change besides its package. make plan does
that. With --previous, write them for the previous package, and its release,
<service>.<env>.release.json, for llac deploy check; make rollback does that.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac deploy running --env dev
  llac deploy running stager --env dev --out bin/packages`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.run("deploy running", func(ctx context.Context, args []string) (reply, error) { return a.runRunning(ctx, args, o) }),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment, such as dev")
	cmd.Flags().StringVar(&o.out, "out", "", "folder for the inputs of terraform for the deployed package")
	cmd.Flags().BoolVar(&o.previous, "previous", false, "the package before the deployed one")
	return cmd
}

// runningReply is the data of `llac deploy running`.
type runningReply struct {
	Env      string            `json:"env"`
	Services []deploy.Recorded `json:"services"`
}

func (a *App) runRunning(ctx context.Context, args []string, o deployRunningOptions) (reply, error) {
	if len(args) == 1 {
		if err := deploy.Known(args[0]); err != nil {
			return reply{}, err
		}
	} else if o.out != "" || o.previous {
		return reply{}, invalid("llac deploy running stager --env dev --out "+packagesFolder,
			"--out and --previous need the name of a service")
	}
	account, err := a.account(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	records, err := deploy.Records(ctx, ssm.NewFromConfig(account.AWS), o.env)
	if err == nil && len(args) == 1 {
		var one deploy.Recorded
		one, err = o.one(ctx, account, records, args[0])
		records = []deploy.Recorded{one}
	}
	if err != nil {
		return reply{}, err
	}
	if records == nil {
		records = []deploy.Recorded{}
	}
	return reply{data: runningReply{o.env, records}, text: func(t *text) { runningText(t, o.env, records) }}, nil
}

// one returns the record of a service, or of its previous package, and writes the inputs of terraform for it.
func (o deployRunningOptions) one(ctx context.Context, account deploy.Account, records []deploy.Recorded, service string) (deploy.Recorded,
	error) {
	r, runs := deploy.RecordOf(records, service)
	if !runs {
		return r, fail(exitNotFound, fmt.Errorf("%s was never deployed into %s", service, o.env),
			"make deploy SERVICE="+service+" ENV="+o.env)
	}
	release := r.Release()
	if o.previous {
		var err error
		if release, err = account.Before(ctx, r); err != nil {
			return r, fail(exitNotFound, err, "make deploy SERVICE="+service+" ENV="+o.env+" from an earlier commit deploys any build")
		}
		r = deploy.Recorded{Service: r.Service, Build: release.Build, SHA256: release.SHA256, Consumes: release.Consumes,
			Emits: release.Emits}
	}
	if o.out == "" {
		return r, nil
	}
	err := account.Prepare(o.out, o.env, release)
	if err == nil && o.previous {
		err = release.Write(filepath.Join(o.out, service+"."+o.env+".release.json"))
	}
	return r, err
}

func runningText(t *text, env string, records []deploy.Recorded) {
	if len(records) == 0 {
		t.line("No service is deployed in %s yet; make deploy deploys one.", env)
		return
	}
	rows := make([][]string, 0, len(records))
	for _, r := range records {
		rows = append(rows, []string{r.Service, dash(r.Build), shortDigest(r.SHA256), dash(shortDigest(r.Previous))})
	}
	t.table([]string{"SERVICE", "BUILD", "PACKAGE", "PREVIOUS"}, rows, nil)
}
