package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/platform/runtime"
)

// deployCheckOptions are the flags of `llac deploy check`.
type deployCheckOptions struct{ env, deployed, release, build string }

func (a *App) deployCheckCommand() *cobra.Command {
	var o deployCheckOptions
	cmd := &cobra.Command{
		Use:   "check [service]",
		Short: "Check whether a build is compatible with the deployed services",
		Long: `Compare the event types that this build of a service consumes and emits with
those of the deployed services, and refuse incompatible ones: an event that a
deployed consumer does not know yet, or one that a deployed producer still emits
and that nothing would consume. Consumers are deployed before producers for a
new version of an event, and after them for an old one. If the build is refused,
the order in which to deploy is shown. Without a service, list the services that
differ from the deployed ones, in a safe order.

The services' Terraform roots record what is deployed in SSM parameters,
/llac/<env>/services/<service>/event_types. --deployed reads the same from a
file, without credentials or network:

  {"stager": {"consumes": ["cat.llac.landing.validated.v1"],
              "emits": ["cat.llac.staging.written.v1"], "build": "3f2a…"}}` +
			exitStatus(exitOK, exitError, exitUsage, exitRefused, exitCredentials),
		Example: `  llac deploy check stager --env dev
  llac deploy check --deployed deployed.json`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment of the deployed services, such as dev")
	cmd.Flags().StringVar(&o.deployed, "deployed", "", "file that describes the deployed services, instead of --env")
	cmd.Flags().StringVar(&o.build, "build", "", "name of the new build (default: that of this llac)")
	cmd.Flags().StringVar(&o.release, "release", "", "file of the release to deploy, for a rollback (default: this source tree)")
	cmd.RunE = a.run("deploy check", func(ctx context.Context, args []string) (reply, error) { return a.runDeployCheck(ctx, args, o) })
	return cmd
}

func (a *App) runDeployCheck(ctx context.Context, args []string, o deployCheckOptions) (reply, error) {
	if len(args) == 1 {
		if err := deploy.Known(args[0]); err != nil {
			return reply{}, err
		}
	}
	running, err := a.deployed(ctx, o)
	if err != nil {
		return reply{}, err
	}
	next, err := o.next(args)
	if err != nil {
		return reply{}, err
	}
	if len(args) == 0 {
		return deployOrder(next, running)
	}
	v := deploy.Check(args[0], next, running)
	r := reply{data: v, text: func(t *text) { deployText(t, v) }}
	if v.OK {
		return r, nil
	}
	hint := "deploy " + strings.Join(v.Order, ", then ")
	if len(v.Order) == 0 {
		hint = "no order works: first deploy a build that knows both versions"
	}
	return r, fail(exitRefused, fmt.Errorf("%s cannot be deployed now", v.Service), hint)
}

// next returns what would be deployed: this build, or the release of the named service.
func (o deployCheckOptions) next(args []string) (deploy.Deployed, error) {
	next := deploy.Deployed{}
	for _, s := range deploy.Services() {
		next[s] = deploy.EventTypesOf(s, cmp.Or(o.build, runtime.Build()))
	}
	if o.release == "" {
		return next, nil
	}
	if len(args) == 0 {
		return nil, invalid("llac deploy check stager --release bin/packages/stager.json", "--release needs the name of a service")
	}
	speech, err := deploy.ReadEventTypes(o.release, args[0])
	if err != nil {
		return nil, fail(exitUsage, err, "make package writes such a file; the artifacts bucket has one next to each package")
	}
	next[args[0]] = speech
	return next, nil
}

// deployed reads what is deployed, from --env or --deployed.
func (a *App) deployed(ctx context.Context, o deployCheckOptions) (deploy.Deployed, error) {
	switch {
	case (o.env == "") == (o.deployed == ""):
		return nil, fail(exitUsage, errors.New("use either --env or --deployed"), "llac deploy check stager --env dev")
	case o.deployed != "":
		running, err := deploy.ReadDeployed(o.deployed)
		if err != nil {
			return nil, fail(exitUsage, err, "llac deploy check --help shows the format of the file")
		}
		return running, nil
	}
	account, err := a.account(ctx, o.env)
	if err != nil {
		return nil, err
	}
	return deploy.Running(ctx, ssm.NewFromConfig(account.AWS), o.env)
}

func deployText(t *text, v deploy.Verdict) {
	for _, r := range v.Refusals {
		t.line("%s  %s", t.paint(red, "refused"), r.Why)
	}
	for _, n := range v.Notes {
		t.line("%s     %s", t.paint(yellow, "note"), n)
	}
	if v.OK {
		instead := "it is not deployed yet"
		if v.Running != "" {
			instead = "it replaces build " + v.Running
		}
		t.line("%s       build %s of %s can be deployed; %s", t.paint(green, "ok"), v.Build, v.Service, instead)
	}
}

// orderReply is the data of `llac deploy check` without a service.
type orderReply struct {
	Order []string `json:"order"`
	Stuck []string `json:"stuck"`
}

func deployOrder(next, running deploy.Deployed) (reply, error) {
	order, stuck := deploy.Order(next, running)
	o := orderReply{list(order), list(stuck)}
	r := reply{data: o, text: func(t *text) {
		if len(o.Order)+len(o.Stuck) == 0 {
			t.line("The deployed services have the same event types as this build; deploy any at any time.")
		}
		for i, s := range o.Order {
			t.line("%d. %s", i+1, s)
		}
		for _, s := range o.Stuck {
			t.line("-  %s cannot be deployed", s)
		}
	}}
	if len(o.Stuck) > 0 {
		return r, fail(exitRefused, fmt.Errorf("%s cannot be deployed in any order", format.List(o.Stuck)),
			"first deploy a build that knows both versions of the events")
	}
	return r, nil
}
