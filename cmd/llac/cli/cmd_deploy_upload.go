package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
)

// uploadOptions are the flags of `llac deploy upload`.
type uploadOptions struct{ env, packages string }

func (a *App) deployUploadCommand() *cobra.Command {
	var o uploadOptions
	cmd := &cobra.Command{
		Use:   "upload <service>",
		Short: "Upload a package to the artifacts bucket (a step of make deploy)",
		Long: `Upload the package that make package wrote to the bucket
llac-artifacts-<account>, under its digest, and write the inputs of terraform
next to it:
<service>.<env>.backend.hcl and <service>.<env>.tfvars.json. make deploy does
this, and then applies the service's root.` + exitStatus(exitOK, exitError, exitUsage, exitCredentials),
		Example: `  llac deploy upload stager --env dev`,
		Args:    cobra.ExactArgs(1),
		RunE:    a.run("deploy upload", func(ctx context.Context, args []string) (reply, error) { return a.runUpload(ctx, args[0], o) }),
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment, such as dev")
	cmd.Flags().StringVar(&o.packages, "packages", packagesFolder, "folder of the packages")
	return cmd
}

// uploadReply is the data of `llac deploy upload`.
type uploadReply struct {
	deploy.Release
	Bucket  string `json:"bucket"`
	Already bool   `json:"already"` // the bucket had the package
}

func (a *App) runUpload(ctx context.Context, service string, o uploadOptions) (reply, error) {
	release, err := deploy.ReadRelease(o.packages, service)
	if err != nil {
		return reply{}, err
	}
	account, err := a.account(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	u := uploadReply{Release: release, Bucket: account.ArtifactsBucket()}
	if u.Already, err = account.Upload(ctx, o.packages, release); err == nil {
		err = account.Prepare(o.packages, o.env, release)
	}
	if err != nil {
		return reply{}, fail(exitError, err, "make deploy SERVICE="+service+" ENV="+o.env+" tries again")
	}
	return reply{data: u, text: func(t *text) {
		if u.Already {
			t.line("s3://%s/%s existed already", u.Bucket, u.Key)
			return
		}
		t.line("s3://%s/%s uploaded", u.Bucket, u.Key)
	}}, nil
}
