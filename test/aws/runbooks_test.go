//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/test/aws/driver"
)

// codeBlocks returns, in order, the fenced blocks of a page whose info string is exactly language.
func codeBlocks(page, language string) []string {
	var out []string
	var block []string
	open := false
	for line := range strings.Lines(page) {
		bare := strings.TrimSpace(line)
		switch {
		case open && bare == "```":
			out, block, open = append(out, strings.Join(block, "")), nil, false
		case open:
			block = append(block, line)
		case bare == "```"+language:
			open = true
		}
	}
	return out
}

// createCommands are the commands of recreate.md that create an environment. They are not run here, because method apply does the same with
// more in parallel; the test only checks that the page has exactly these.
const createCommands = `make bootstrap
make stacks ENV=dev
make deploy-changed ENV=dev
bin/llac datasets publish --env dev --yes
`

// runbooks runs the commands of docs/runbooks on the environment while the driver runs the services. Each page is run in the situation that
// it is for, which prepare creates.
func runbooks(t *testing.T, e *environment, d driver.Deployed) {
	c := e.drive(t, d, nil)
	folder := filepath.Join(root(t), "docs", "runbooks")
	read := func(name string) []string {
		t.Helper()
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return codeBlocks(string(page), "sh")
	}
	run := func(t *testing.T, block string, env ...string) string {
		t.Helper()
		script := e.command(t, "bash", "-euo", "pipefail", "-c", block)
		script.Env = append(script.Env, env...)
		out, err := script.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, block, out)
		}
		t.Logf("%s%s", block, out)
		return string(out)
	}
	tested := map[string]bool{"README.md": true}
	page := func(name string, prepare func(t *testing.T) []string, check func(t *testing.T, output string)) {
		tested[name] = true
		t.Run(name, func(t *testing.T) {
			var env []string
			if prepare != nil {
				env = prepare(t)
			}
			output := ""
			blocks := read(name)
			for _, block := range blocks {
				if block != createCommands {
					output += run(t, block, env...)
				}
			}
			if len(blocks) == 0 {
				t.Error("the page has no commands")
			}
			check(t, output)
		})
	}
	published := func(t *testing.T, dataset, after string) *lake.Pointer {
		t.Helper()
		p, _, err := lake.ReadPointer(t.Context(), e.lake, dataset)
		if err != nil || p == nil || p.Snapshot <= after {
			t.Fatalf("%s has no snapshot after %s: %+v, %v", dataset, after, p, err)
		}
		return p
	}
	snapshot := func(t *testing.T, dataset string) string { return published(t, dataset, "").Snapshot }

	page("recreate.md", func(t *testing.T) []string {
		if first := read("recreate.md")[0]; first != createCommands {
			t.Errorf("the page creates an environment with\n%s\nand this test with\n%s", first, createCommands)
		}
		e.forget(t, "service_types")
		return nil
	}, func(t *testing.T, output string) { published(t, "service_types", "") })

	page("restart-and-validate.md", func(t *testing.T) []string {
		e.deadLetter(t, "service_types", "validator", "stager")
		return nil
	}, func(t *testing.T, output string) {
		for name, n := range e.depths(t, "-dlq") {
			if n > 0 {
				t.Errorf("%s still holds %d", name, n)
			}
		}
	})

	before := snapshot(t, "population")
	page("fill-gaps.md", func(t *testing.T) []string {
		// A gap: the pointer has no part for 2023.
		p := published(t, "population", "")
		p.Parts = slices.DeleteFunc(p.Parts, func(p lake.PointerPart) bool { return p.Slice == "2023" })
		if _, err := e.lake.Put(t.Context(), lake.PointerKey("population"), lake.Encode(p)); err != nil {
			t.Fatal(err)
		}
		return nil
	}, func(t *testing.T, output string) {
		p := published(t, "population", before)
		if len(p.Parts) != 2 || p.Part("2023").RunID <= before || !p.Part("2024").CarriedOn {
			t.Errorf("after filling 2023 the parts are %+v", p.Parts)
		}
	})

	types := snapshot(t, "service_types")
	page("collect-by-hand.md", func(t *testing.T) []string {
		return []string{"PAGE=" + e.archivedPage(t, "service_types")}
	}, func(t *testing.T, output string) {
		e.waitForSnapshot(t, c, "service_types", types)
	})
	page("alternative-source.md", nil, func(t *testing.T, output string) {})
	page("notify-users.md", nil, func(t *testing.T, output string) {
		if !strings.Contains(output, "municipalities") {
			t.Errorf("the output names no dataset:\n%s", output)
		}
	})

	lost := snapshot(t, "housing")
	page("restore-from-replica.md", func(t *testing.T) []string {
		e.replicate(t)
		for _, layer := range []string{"state", "staging", "archive", "evidence"} {
			for _, key := range e.keys(t, layer+"/housing/") {
				e.deleteKey(t, key)
			}
		}
		for _, key := range e.keys(t, "staging/gdp_quarterly/") { // the pointer to it stays
			e.deleteKey(t, key)
		}
		return nil
	}, func(t *testing.T, output string) {
		p := published(t, "housing", "")
		if p.Snapshot != lost {
			t.Errorf("restored snapshot %s, want %s", p.Snapshot, lost)
		}
		for _, part := range slices.Concat(p.Parts, published(t, "gdp_quarterly", "").Parts) {
			for _, o := range part.Objects {
				if _, err := lake.Read(t.Context(), e.lake, o.Object); err != nil {
					t.Error(err)
				}
			}
		}
	})

	tested["roll-back-a-deploy.md"] = true
	t.Run("roll-back-a-deploy.md", func(t *testing.T) {
		// deployAndRollBack runs these commands after a deploy; here only the page is checked.
		const want = "bin/llac deploy running --env dev\nmake rollback SERVICE=validator ENV=dev\n"
		if got := strings.Join(read("roll-back-a-deploy.md"), ""); got != want {
			t.Errorf("the commands of the page are\n%s\nwant\n%s", got, want)
		}
	})
	pages, _ := filepath.Glob(filepath.Join(folder, "*.md"))
	for _, p := range pages {
		if !tested[filepath.Base(p)] {
			t.Errorf("the commands of %s are not tested", filepath.Base(p))
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// waitForSnapshot waits until a dataset has a snapshot after another.
func (e *environment) waitForSnapshot(t *testing.T, c *driver.Cloud, dataset, after string) {
	t.Helper()
	if err := waitFor(c, 20*time.Second, func() (bool, string) {
		p, _, err := lake.ReadPointer(t.Context(), e.lake, dataset)
		return err == nil && p != nil && p.Snapshot > after, dataset + " has no snapshot after " + after
	}); err != nil {
		t.Fatal(err)
	}
}

// archivedPage writes an archived page of a dataset to a file, as a person would save it, and returns the file.
func (e *environment) archivedPage(t *testing.T, dataset string) string {
	t.Helper()
	for _, key := range e.keys(t, "archive/"+dataset+"/") {
		if !strings.HasSuffix(key, ".json.zst") {
			continue
		}
		packed, _, err := e.lake.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		unpack, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer unpack.Close()
		body, err := unpack.DecodeAll(packed, nil)
		file := filepath.Join(t.TempDir(), "page.json")
		if err == nil {
			err = os.WriteFile(file, body, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	t.Fatalf("%s has no archived page", dataset)
	return ""
}

// replicate copies the prefixes that stacks/storage names to the replica, because moto has no replication.
func (e *environment) replicate(t *testing.T) {
	t.Helper()
	const bucket = "llac-" + env + "-replica-" + Account
	var exists *s3types.BucketAlreadyOwnedByYou // in a moto that is used for several runs of the test
	if _, err := s3.NewFromConfig(e.config).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	}); err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	replica := lake.NewS3(e.config, bucket, clock.System{})
	for _, prefix := range []string{"staging/", "marts/", "state/", "evidence/", "quality/", "runs/", "archive/"} {
		for _, key := range e.keys(t, prefix) {
			body, _, err := e.lake.Get(t.Context(), key)
			if err == nil {
				_, err = replica.Put(t.Context(), key, body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// deadLetter sends an event that a producer published about a dataset to the dead-letter queue of a consumer, as SQS does after too many
// receives.
func (e *environment) deadLetter(t *testing.T, dataset, producer, consumer string) {
	t.Helper()
	p, _, err := lake.ReadPointer(t.Context(), e.lake, dataset)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	receipt, _, err := lake.ReadState[lake.Receipt](t.Context(), e.lake, lake.ReceiptKey(dataset, p.RunID, producer, 0))
	if err != nil || receipt == nil {
		t.Fatal(receipt, err)
	}
	body, err := json.Marshal(receipt.Events[0])
	if err != nil {
		t.Fatal(err)
	}
	url := e.moto.Endpoint + "/" + Account + "/llac-" + env + "-" + consumer + "-dlq"
	if _, err := e.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
}
