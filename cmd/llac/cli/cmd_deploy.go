package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/platform/runtime"
)

func (a *App) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "One service into the cloud without harm to the others",
		Long: `deploy holds what make package and make deploy are made of. To deploy a service:

  make deploy SERVICE=stager ENV=dev

EXIT STATUS
  llac help exit-codes lists them; the help of each command says which it has.`,
		Args: subcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.deployCheckCommand(), a.deployRunningCommand(), a.deployPackageCommand(), a.deployBOMCommand(), a.deployUploadCommand())
	return cmd
}

// deployOptions are the flags of the deploy commands.
type deployOptions struct {
	env, deployed string
	release       string
	build         string
	program, out  string
	previous      bool
}

func (a *App) deployCheckCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "check [service]",
		Short: "May this build of a service run beside what is deployed?",
		Long: `check compares the event types that this build of a service consumes and emits with those of the services that run, and refuses
what they cannot live with: an event that a running consumer does not know yet, or one that a running producer still says and
nobody would hear. Consumers learn a new version before producers speak it, and forget the old one after. When it refuses it
says in what order to deploy. Without a service it lists what differs from what runs, in an order that is safe.

What runs, the services' Terraform roots have recorded in SSM parameters, /llac/<env>/services/<service>/event_types; --deployed
reads the same from a file instead, without credentials or network:

  {"stager": {"consumes": ["cat.llac.landing.validated.v1"], "emits": ["cat.llac.staging.written.v1"], "build": "3f2a…"}}` +
			exitStatus(exitOK, exitError, exitUsage, exitRefused, exitCredentials),
		Args: cobra.MaximumNArgs(1),
		RunE: a.run("deploy check", func(ctx context.Context, args []string) (reply, error) { return a.runDeployCheck(ctx, args, o) }),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment whose recorded services are compared with: dev or prod")
	cmd.Flags().StringVar(&o.deployed, "deployed", "", "file that says what runs, instead of --env")
	cmd.Flags().StringVar(&o.build, "build", "", "name of the build that is to be deployed; default: of this llac")
	cmd.Flags().StringVar(&o.release, "release", "", "file of the release that is to be deployed, to go back to an earlier one; default: this source tree")
	return cmd
}

func (a *App) runDeployCheck(ctx context.Context, args []string, o deployOptions) (reply, error) {
	if len(args) == 1 {
		if err := deploy.Known(args[0]); err != nil {
			return reply{}, err
		}
	}
	running, err := whatRuns(ctx, o)
	if err != nil {
		return reply{}, err
	}
	if o.build == "" {
		o.build = runtime.Build()
	}
	next := deploy.Deployed{}
	for _, s := range deploy.Services() {
		next[s] = deploy.This(s, o.build)
	}
	if o.release != "" {
		if len(args) == 0 {
			return reply{}, fail(exitUsage, errors.New("--release is of one service, and none is named"), "llac deploy check stager --release bin/packages/stager.json")
		}
		if next[args[0]], err = deploy.ReadSpeech(o.release, args[0]); err != nil {
			return reply{}, fail(exitUsage, err, "make package writes such a file; the artifacts bucket keeps one beside each package")
		}
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
		hint = "no order helps: first deploy a build that knows both versions"
	}
	return r, fail(exitRefused, fmt.Errorf("%s may not be deployed now", v.Service), hint)
}

// whatRuns reads what is deployed, from where the flags say.
func whatRuns(ctx context.Context, o deployOptions) (deploy.Deployed, error) {
	switch {
	case (o.env == "") == (o.deployed == ""):
		return nil, fail(exitUsage, errors.New("say what runs by either --env or --deployed"), "llac deploy check stager --env dev")
	case o.deployed != "":
		running, err := deploy.ReadDeployed(o.deployed)
		if err != nil {
			return nil, fail(exitUsage, err, "llac deploy check --help shows the form of the file")
		}
		return running, nil
	}
	account, err := openAccount(ctx, o.env)
	if err != nil {
		return nil, err
	}
	return deploy.Running(ctx, ssm.NewFromConfig(account.AWS), o.env)
}

func openAccount(ctx context.Context, env string) (deploy.Account, error) {
	if err := deploy.CheckEnv(env); err != nil {
		return deploy.Account{}, fail(exitUsage, err, "--env dev")
	}
	return deploy.Open(ctx)
}

func deployText(t *text, v deploy.Verdict) {
	for _, r := range v.Refusals {
		t.line("%s  %s", t.paint(red, "refused"), r.Why)
	}
	for _, n := range v.Notes {
		t.line("%s     %s", t.paint(yellow, "note"), n)
	}
	if v.OK {
		instead := "it does not run yet"
		if v.Running != "" {
			instead = "instead of build " + v.Running
		}
		t.line("%s       build %s of %s may be deployed; %s", t.paint(green, "ok"), v.Build, v.Service, instead)
	}
}

// orderReply is the data of `llac deploy check` without a service.
type orderReply struct {
	Order []string `json:"order"`
	Stuck []string `json:"stuck"`
}

func deployOrder(next, running deploy.Deployed) (reply, error) {
	o := orderReply{}
	o.Order, o.Stuck = deploy.Order(next, running)
	if o.Order == nil {
		o.Order = []string{}
	}
	if o.Stuck == nil {
		o.Stuck = []string{}
	}
	r := reply{data: o, text: func(t *text) {
		if len(o.Order)+len(o.Stuck) == 0 {
			t.line("Every service that runs speaks as this build does; any may be deployed at any time.")
		}
		for i, s := range o.Order {
			t.line("%d. %s", i+1, s)
		}
		for _, s := range o.Stuck {
			t.line("-  %s cannot be deployed", s)
		}
	}}
	if len(o.Stuck) > 0 {
		return r, fail(exitRefused, fmt.Errorf("%s cannot be deployed in any order", and(o.Stuck)), "first deploy a build that knows both versions of the events")
	}
	return r, nil
}

func (a *App) deployPackageCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "package <service>",
		Short: "Zip a service's program as Lambda takes it; make package builds the program first",
		Long: `package writes <service>.zip with the program in it, and <service>.json, which says what it is. The same program gives the same
bytes. A program that Lambda would not take is refused: one of more than 250 MB unpacked, of another system, or one that needs
the libraries of the machine that built it.` + exitStatus(exitOK, exitError, exitUsage),
		Args: cobra.ExactArgs(1),
		RunE: a.run("deploy package", func(_ context.Context, args []string) (reply, error) { return runPackage(args[0], o) }),
	}
	cmd.Flags().StringVar(&o.program, "program", "", "the program; default bin/functions/<service>/bootstrap")
	cmd.Flags().StringVar(&o.build, "build", "", "name of the build in it")
	cmd.Flags().StringVar(&o.out, "out", filepath.Join("bin", "packages"), "folder to write to")
	return cmd
}

func runPackage(service string, o deployOptions) (reply, error) {
	if err := deploy.Known(service); err != nil {
		return reply{}, err
	}
	if o.program == "" {
		o.program = filepath.Join("bin", "functions", service, deploy.Handler)
	}
	r, err := deploy.Pack(service, o.build, o.program, o.out)
	if err != nil {
		return reply{}, fail(exitError, err, "make package SERVICE="+service)
	}
	return reply{data: r, text: func(t *text) {
		t.line("%s  %s", r.SHA256, filepath.Join(o.out, service+".zip"))
		t.line("build %s, %s, %s zipped, %s unpacked of the %s that Lambda takes", dash(r.Build), r.Architecture, size(r.ZipBytes), size(r.UnzippedBytes), size(deploy.MaxUnzipped))
	}}, nil
}

func (a *App) deployUploadCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "upload <service>",
		Short: "Put a package into the artifacts bucket; make deploy does it, and applies the service's root after",
		Long: `upload puts the package that make package wrote into the bucket llac-artifacts-<account>, under its digest, and writes beside it what
terraform is told: <service>.<env>.backend.hcl and <service>.<env>.tfvars.json.` + exitStatus(exitOK, exitError, exitUsage, exitCredentials),
		Args: cobra.ExactArgs(1),
		RunE: a.run("deploy upload", func(ctx context.Context, args []string) (reply, error) { return runUpload(ctx, args[0], o) }),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment: dev or prod")
	cmd.Flags().StringVar(&o.out, "packages", filepath.Join("bin", "packages"), "folder of the packages")
	return cmd
}

// uploadReply is the data of `llac deploy upload`.
type uploadReply struct {
	deploy.Release
	Bucket  string `json:"bucket"`
	Already bool   `json:"already"`
}

func runUpload(ctx context.Context, service string, o deployOptions) (reply, error) {
	release, err := deploy.ReadRelease(o.out, service)
	if err != nil {
		return reply{}, err
	}
	account, err := openAccount(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	u := uploadReply{Release: release, Bucket: account.ArtifactsBucket()}
	if u.Already, err = account.Upload(ctx, o.out, release); err == nil {
		err = account.Prepare(o.out, o.env, release)
	}
	if err != nil {
		return reply{}, fail(exitError, err, "make deploy SERVICE="+service+" ENV="+o.env+" tries again")
	}
	return reply{data: u, text: func(t *text) {
		if u.Already {
			t.line("s3://%s/%s was there already", u.Bucket, u.Key)
			return
		}
		t.line("s3://%s/%s uploaded", u.Bucket, u.Key)
	}}, nil
}
