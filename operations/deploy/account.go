package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
)

// CredentialsError reports that no usable AWS credentials were found.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	return "find AWS credentials: " + e.Err.Error() + "; nothing was done"
}

// Unwrap returns the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

var envName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// CheckEnv reports, as an error, that a text cannot be the name of an environment.
func CheckEnv(env string) error {
	if !envName.MatchString(env) {
		return fmt.Errorf("%q is not the name of an environment: use at most 20 of a-z, 0-9 and -, such as dev or prod", env)
	}
	return nil
}

// credentialsTime limits the search for credentials: outside AWS its last step asks an address that does not reply.
const credentialsTime = 15 * time.Second

// Account is an AWS account and the credentials for it.
type Account struct {
	AWS aws.Config
	ID  string
}

// Open finds credentials as every AWS tool does, and asks for their account. The error is a *CredentialsError.
func Open(ctx context.Context) (Account, error) {
	search, cancel := context.WithTimeoutCause(ctx, credentialsTime, errors.New("none found in "+credentialsTime.String()))
	defer cancel()
	config, err := awsconfig.LoadDefaultConfig(search, awsconfig.WithLogger(logging.Nop{})) // the error has what it would log
	if err != nil {
		return Account{}, &CredentialsError{err}
	}
	if config.Region == "" {
		return Account{}, &CredentialsError{errors.New("no region is set; set AWS_REGION, or region in the profile")}
	}
	config.AppID = "llac"
	if _, err := config.Credentials.Retrieve(search); err != nil {
		return Account{}, &CredentialsError{err}
	}
	who, err := sts.NewFromConfig(config).GetCallerIdentity(search, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Account{}, &CredentialsError{fmt.Errorf("ask for their account: %w", err)}
	}
	return Account{AWS: config, ID: aws.ToString(who.Account)}, nil
}

// ArtifactsBucket returns the name of the bucket for packages. terraform/bootstrap makes it once per account.
func (a Account) ArtifactsBucket() string { return "llac-artifacts-" + a.ID }

// StateBucket returns the name of the bucket that holds the state of every Terraform root.
func (a Account) StateBucket() string { return "llac-state-" + a.ID }

// Upload writes a package to the artifacts bucket, with its release, which a rollback needs for its event types, and its bill
// of materials. The package is named by its digest: already reports that the bucket has it.
func (a Account) Upload(ctx context.Context, folder string, r Release) (already bool, err error) {
	body, err := os.ReadFile(filepath.Join(folder, r.Service+".zip"))
	if err != nil {
		return false, fmt.Errorf("read the package of %s: %w", r.Service, err)
	}
	bom, err := os.ReadFile(filepath.Join(folder, BOMFile(r.Service)))
	if err != nil {
		return false, fmt.Errorf("read the bill of materials of %s: %w; make package SERVICE=%s writes it", r.Service, err, r.Service)
	}
	bucket := lake.NewS3(a.AWS, a.ArtifactsBucket(), clock.System{})
	_, outcome, err := bucket.PutIfAbsent(ctx, r.Key, body)
	if err == nil {
		_, err = bucket.Put(ctx, strings.TrimSuffix(r.Key, ".zip")+".json", lake.Encode(r))
	}
	if err == nil {
		_, err = bucket.Put(ctx, strings.TrimSuffix(r.Key, ".zip")+".cdx.json", bom)
	}
	switch {
	case errors.Is(err, lake.ErrExists):
		return false, fmt.Errorf("upload the package of %s: s3://%s/%s exists and does not have the digest of its name; find "+
			"out who changed it, and delete it",
			r.Service, a.ArtifactsBucket(), r.Key)
	case err != nil:
		return false, fmt.Errorf("upload the package of %s to s3://%s/%s: %w; terraform/bootstrap makes the bucket",
			r.Service, a.ArtifactsBucket(), r.Key, err)
	}
	return outcome == lake.AlreadyMine, nil
}

// Before returns the release of the package that ran before the one that runs now.
func (a Account) Before(ctx context.Context, r Recorded) (Release, error) {
	if r.Previous == "" {
		return Release{}, fmt.Errorf("find the previous package of %s: it was deployed only once, or its record of the previous "+
			"package is gone", r.Service)
	}
	key := strings.TrimSuffix(ArtifactKey(r.Service, r.Previous), ".zip") + ".json"
	release, _, err := lake.ReadState[Release](ctx, lake.NewS3(a.AWS, a.ArtifactsBucket(), clock.System{}), key)
	switch {
	case err != nil:
		return Release{}, fmt.Errorf("read the release of the previous package: %w", err)
	case release == nil:
		return Release{}, fmt.Errorf("read the release of the previous package: s3://%s/%s does not exist, so the package "+
			"before %s cannot be deployed again",
			a.ArtifactsBucket(), key, r.Build)
	case release.Service != r.Service || release.SHA256 != r.Previous:
		return Release{}, fmt.Errorf("read the release of the previous package: s3://%s/%s describes %s %s; find out who changed it",
			a.ArtifactsBucket(), key, release.Service, release.SHA256)
	}
	return *release, nil
}

// Backend returns the file for terraform init -backend-config that names the location of a root's state.
func (a Account) Backend(env, root string) string {
	return fmt.Sprintf("bucket = %q\nkey    = %q\nregion = %q\n", a.StateBucket(), env+"/"+root+".tfstate", a.AWS.Region)
}

// Variables are the Terraform variables of a service's root.
type Variables struct {
	ArtifactKey     string     `json:"artifact_key"`
	ArtifactSHA256  string     `json:"artifact_sha256"`
	ArtifactVersion string     `json:"artifact_version"` // the build
	EventTypes      EventTypes `json:"event_types"`      // recorded for the checks of its neighbours
}

// Prepare writes the two files that Terraform reads: the root's backend and its variables.
func (a Account) Prepare(folder, env string, r Release) error {
	files := map[string][]byte{
		r.Service + "." + env + ".backend.hcl": []byte(a.Backend(env, "services/"+r.Service)),
		r.Service + "." + env + ".tfvars.json": lake.Encode(Variables{r.Key, r.SHA256, r.Build, r.EventTypes()}),
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(folder, name), body, 0o644); err != nil {
			return fmt.Errorf("write the files for Terraform: %w", err)
		}
	}
	return nil
}
