package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
)

func (a *App) deployRunningCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "running [service]",
		Short: "Which builds run in an environment",
		Long: `running shows what the services' Terraform roots have recorded of their last deploy: build, digest of the package, and of the one
before. With a service and --out it also writes what terraform is told, <service>.<env>.backend.hcl and <service>.<env>.tfvars.json,
of the package that runs: a plan with them shows what a root would change besides its package. make plan does that. With --previous
they are of the package that ran before, and its release, <service>.<env>.release.json, is fetched for llac deploy check; make rollback
does that.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args: cobra.MaximumNArgs(1),
		RunE: a.run("deploy running", func(ctx context.Context, args []string) (reply, error) { return runRunning(ctx, args, o) }),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment: dev or prod")
	cmd.Flags().StringVar(&o.out, "out", "", "folder to write to what terraform is told of the package that runs")
	cmd.Flags().BoolVar(&o.previous, "previous", false, "of the package that ran before it")
	return cmd
}

// runningReply is the data of `llac deploy running`.
type runningReply struct {
	Env      string            `json:"env"`
	Services []deploy.Recorded `json:"services"`
}

func runRunning(ctx context.Context, args []string, o deployOptions) (reply, error) {
	if len(args) == 1 {
		if err := deploy.Known(args[0]); err != nil {
			return reply{}, err
		}
	} else if o.out != "" || o.previous {
		return reply{}, fail(exitUsage, errors.New("--out and --previous are for one service, and none is named"), "llac deploy running stager --env dev --out "+filepath.Join("bin", "packages"))
	}
	account, err := openAccount(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	records, err := deploy.Records(ctx, ssm.NewFromConfig(account.AWS), o.env)
	if err != nil {
		return reply{}, err
	}
	if len(args) == 1 {
		r, runs := deploy.RecordOf(records, args[0])
		if !runs {
			return reply{}, fail(exitNotFound, fmt.Errorf("%s was never deployed into %s", args[0], o.env), "make deploy SERVICE="+args[0]+" ENV="+o.env)
		}
		release := r.Release()
		if o.previous {
			if release, err = account.Before(ctx, r); err != nil {
				return reply{}, fail(exitNotFound, err, "make deploy SERVICE="+args[0]+" ENV="+o.env+" from an earlier commit deploys any build")
			}
			r = deploy.Recorded{Service: r.Service, Build: release.Build, SHA256: release.SHA256, Consumes: release.Consumes, Emits: release.Emits}
		}
		records = []deploy.Recorded{r}
		if o.out != "" {
			if err := account.Prepare(o.out, o.env, release); err != nil {
				return reply{}, err
			}
		}
		if o.out != "" && o.previous {
			if err := release.Write(filepath.Join(o.out, args[0]+"."+o.env+".release.json")); err != nil {
				return reply{}, err
			}
		}
	}
	if records == nil {
		records = []deploy.Recorded{}
	}
	return reply{data: runningReply{o.env, records}, text: func(t *text) {
		if len(records) == 0 {
			t.line("Nothing runs in %s yet. make deploy deploys a service.", o.env)
			return
		}
		rows := make([][]string, 0, len(records))
		for _, r := range records {
			rows = append(rows, []string{r.Service, dash(r.Build), short(r.SHA256), dash(short(r.Previous))})
		}
		t.table([]string{"SERVICE", "BUILD", "PACKAGE", "BEFORE"}, rows, nil)
	}}, nil
}

// short is as much of a digest as people compare.
func short(digest string) string { return digest[:min(12, len(digest))] }
