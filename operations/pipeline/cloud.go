package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
)

// NoLakeError reports that a state directory does not exist: nothing has run in it yet.
type NoLakeError struct{ Dir string }

func (e *NoLakeError) Error() string { return e.Dir + ": there is no lake here yet" }

// Cloud is the local cloud of a state directory, run by this process or by another one that owns the directory.
type Cloud struct {
	Dir   string
	AWS   awssdk.Config
	Owner *aws.OwnedError // the process that owns the directory; nil: this process

	own  *aws.Cloud
	http *http.Transport
}

// look is the note of commands that own the directory for a moment only.
const look = "for a moment"

// lookPatience is how long to wait until such a command releases the directory, or an owner writes its process id.
const lookPatience = 5 * time.Second

// open starts the local cloud of dir, which is created if missing. The error is an *aws.OwnedError if another process owns it.
func open(ctx context.Context, dir, note string) (*Cloud, error) {
	o := aws.Options{Dir: dir, Buckets: []string{DataBucket, ConfigBucket}, OwnerNote: note}
	deadline := time.Now().Add(lookPatience) // locks depend on real time, not on the clock of the run
	for {
		own, err := aws.Start(ctx, o)
		var owned *aws.OwnedError
		if errors.As(err, &owned) && (owned.Note == look || owned.PID == 0) && time.Now().Before(deadline) {
			if err := (clock.System{}).Sleep(ctx, 20*time.Millisecond); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		cloud := connect(dir, own.Config())
		cloud.own = own
		if err := writeEndpoint(dir, own.Endpoint()); err != nil {
			return nil, errors.Join(err, own.Close())
		}
		return cloud, nil
	}
}

// Look opens the local cloud of dir for a moment, or joins the one that another process runs. It creates nothing: the error
// is a *NoLakeError if nothing has run there.
func Look(ctx context.Context, dir string) (*Cloud, error) {
	if _, err := os.Stat(filepath.Join(dir, "queues")); errors.Is(err, fs.ErrNotExist) {
		return nil, &NoLakeError{dir}
	}
	cloud, err := open(ctx, dir, look)
	var owned *aws.OwnedError
	if !errors.As(err, &owned) {
		return cloud, err
	}
	endpoint, readErr := readEndpoint(dir)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	cloud = connect(dir, awssdk.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	cloud.Owner = owned
	return cloud, nil
}

// Open opens the local cloud of dir to work on its lake without the services. Other processes see the note. The error is a
// *NoLakeError if nothing has run there, and an *aws.OwnedError if another process owns the directory.
func Open(ctx context.Context, dir, note string) (*Cloud, error) {
	if _, err := os.Stat(filepath.Join(dir, "queues")); errors.Is(err, fs.ErrNotExist) {
		return nil, &NoLakeError{dir}
	}
	return open(ctx, dir, note)
}

// connect gives the SDK clients a transport of their own: for many connections to a loopback address, which are closed
// before the cloud is. The cloud would otherwise wait for connections that were opened and never used.
func connect(dir string, config awssdk.Config) *Cloud {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	config.HTTPClient = &http.Client{Transport: transport}
	return &Cloud{Dir: dir, AWS: config, http: transport}
}

// Lake returns the data bucket.
func (c *Cloud) Lake() lake.Store { return lake.NewS3(c.AWS, DataBucket, clock.System{}) }

// Contracts returns the config bucket.
func (c *Cloud) Contracts() lake.Store { return lake.NewS3(c.AWS, ConfigBucket, clock.System{}) }

// Close releases the directory; a joined cloud keeps running.
func (c *Cloud) Close() error {
	c.http.CloseIdleConnections()
	if c.own == nil {
		return nil
	}
	// Connections that were being opened when their calls were cancelled become idle a moment later, and the cloud would
	// wait seconds for their first request.
	closed, swept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			c.http.CloseIdleConnections()
			select {
			case <-closed:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	defer func() {
		close(closed)
		<-swept
	}()
	err := os.Remove(endpointFile(c.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, c.own.Close())
}

func endpointFile(dir string) string { return filepath.Join(dir, "endpoint.json") }

type endpoint struct {
	Endpoint string `json:"endpoint"`
	PID      int    `json:"pid"`
}

// writeEndpoint writes the address of the cloud of dir for other processes. The lock names the process that owns dir.
func writeEndpoint(dir, address string) error {
	return writeFile(endpointFile(dir), lake.Encode(endpoint{address, os.Getpid()}))
}

func readEndpoint(dir string) (string, error) {
	b, err := os.ReadFile(endpointFile(dir))
	if err != nil {
		return "", fmt.Errorf("find the address of the running local cloud: %w; try again in a moment", err)
	}
	var e endpoint
	if err := json.Unmarshal(b, &e); err != nil || e.Endpoint == "" {
		return "", fmt.Errorf("the file %s does not contain the address of the local cloud; try again in a moment", endpointFile(dir))
	}
	return e.Endpoint, nil
}

// writeFile writes a small file atomically.
func writeFile(path string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
