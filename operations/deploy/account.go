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

// CredentialsError says that nobody has said who we are to AWS.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	return "no AWS credentials that can be used, so nothing was done: " + e.Err.Error()
}

func (e *CredentialsError) Unwrap() error { return e.Err }

var envName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// CheckEnv says whether a text can be the name of an environment.
func CheckEnv(env string) error {
	if !envName.MatchString(env) {
		return fmt.Errorf("%q is no name of an environment: want at most 20 of a-z, 0-9 and -, such as dev or prod", env)
	}
	return nil
}

// credentialsTime bounds the search for credentials: on a machine that is none of AWS's, the last place looked at is an
// address that nobody answers at.
const credentialsTime = 15 * time.Second

// Account is where we may work.
type Account struct {
	AWS aws.Config
	ID  string
}

// Open finds credentials as every AWS tool does, and asks whose they are. A *CredentialsError says that there are none.
func Open(ctx context.Context) (Account, error) {
	search, cancel := context.WithTimeoutCause(ctx, credentialsTime, errors.New("none found in time"))
	defer cancel()
	config, err := awsconfig.LoadDefaultConfig(search, awsconfig.WithLogger(logging.Nop{})) // what it would say is in the error
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
		return Account{}, &CredentialsError{fmt.Errorf("ask whose they are: %w", err)}
	}
	return Account{AWS: config, ID: aws.ToString(who.Account)}, nil
}

// ArtifactsBucket and StateBucket are the buckets that terraform/bootstrap makes, once an account.
func (a Account) ArtifactsBucket() string { return "llac-artifacts-" + a.ID }

// StateBucket holds the state of every root.
func (a Account) StateBucket() string { return "llac-state-" + a.ID }

// Upload puts a package into the artifacts bucket, and beside it its release, so that somebody who goes back to it knows
// what it speaks, and its bill of materials. It is named by its digest, so that one which is there is the same.
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
		return false, fmt.Errorf("s3://%s/%s is there and holds other bytes than its name says: somebody has changed it; look who, and remove it", a.ArtifactsBucket(), r.Key)
	case err != nil:
		return false, fmt.Errorf("upload the package of %s to s3://%s/%s: %w; terraform/bootstrap makes the bucket", r.Service, a.ArtifactsBucket(), r.Key, err)
	}
	return outcome == lake.AlreadyMine, nil
}

// Before fetches the release of the package that ran before the one that runs.
func (a Account) Before(ctx context.Context, r Recorded) (Release, error) {
	if r.Previous == "" {
		return Release{}, fmt.Errorf("%s has been deployed once, or its record of the package before is gone", r.Service)
	}
	key := strings.TrimSuffix(ArtifactKey(r.Service, r.Previous), ".zip") + ".json"
	release, _, err := lake.ReadState[Release](ctx, lake.NewS3(a.AWS, a.ArtifactsBucket(), clock.System{}), key)
	switch {
	case err != nil:
		return Release{}, fmt.Errorf("fetch the release of the package that ran before: %w", err)
	case release == nil:
		return Release{}, fmt.Errorf("s3://%s/%s is not there: the package that ran before %s cannot be deployed again as it is", a.ArtifactsBucket(), key, r.Build)
	case release.Service != r.Service || release.SHA256 != r.Previous:
		return Release{}, fmt.Errorf("s3://%s/%s is of %s %s: somebody has changed it; look who", a.ArtifactsBucket(), key, release.Service, release.SHA256)
	}
	return *release, nil
}

// Backend is where a root's state is, in the words of terraform init -backend-config.
func (a Account) Backend(env, root string) string {
	return fmt.Sprintf("bucket = %q\nkey    = %q\nregion = %q\n", a.StateBucket(), env+"/"+root+".tfstate", a.AWS.Region)
}

// Variables are what a service's root is told of a release.
type Variables struct {
	ArtifactKey     string `json:"artifact_key"`
	ArtifactSHA256  string `json:"artifact_sha256"`
	ArtifactVersion string `json:"artifact_version"` // the build
	EventTypes      Speech `json:"event_types"`      // to record, for the checks of its neighbours
}

// Prepare writes the two files that terraform is given: the root's backend and its variables.
func (a Account) Prepare(folder, env string, r Release) error {
	files := map[string][]byte{
		r.Service + "." + env + ".backend.hcl": []byte(a.Backend(env, "services/"+r.Service)),
		r.Service + "." + env + ".tfvars.json": lake.Encode(Variables{r.Key, r.SHA256, r.Build, r.Speech()}),
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(folder, name), body, 0o644); err != nil {
			return fmt.Errorf("write what terraform is told: %w", err)
		}
	}
	return nil
}
