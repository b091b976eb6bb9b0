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

// fences are the blocks of a page that are opened by the word given and nothing else, in order.
func fences(page, word string) []string {
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
		case bare == "```"+word:
			open = true
		}
	}
	return out
}

// applied are the commands of recreate.md that make an environment. Function apply does the same, what needs not wait for each other at the
// same time; that the page says these and no others is all that is looked at here.
const applied = `make bootstrap
make stacks ENV=dev
make deploy-changed ENV=dev
bin/llac datasets publish --env dev --yes
`

// runbooks runs the blocks of docs/runbooks on the environment, while the schedules and mappings are acted out, in an order in which each finds
// what it is for.
func runbooks(t *testing.T, w *world, d driver.Deployed) {
	c := w.act(t, d, nil)
	folder := filepath.Join(root(t), "docs", "runbooks")
	read := func(name string) []string {
		t.Helper()
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return fences(string(page), "sh")
	}
	run := func(t *testing.T, block string, env ...string) string {
		t.Helper()
		script := w.command(t, "bash", "-euo", "pipefail", "-c", block)
		script.Env = append(script.Env, env...)
		out, err := script.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, block, out)
		}
		t.Logf("%s%s", block, out)
		return string(out)
	}
	tried := map[string]bool{"README.md": true}
	all := func(name string, prepare func(t *testing.T) []string, check func(t *testing.T, said string)) {
		tried[name] = true
		t.Run(name, func(t *testing.T) {
			var env []string
			if prepare != nil {
				env = prepare(t)
			}
			said := ""
			blocks := read(name)
			for _, block := range blocks {
				if block != applied {
					said += run(t, block, env...)
				}
			}
			if len(blocks) == 0 {
				t.Error("there is nothing to run")
			}
			check(t, said)
		})
	}
	published := func(t *testing.T, dataset, after string) *lake.Pointer {
		t.Helper()
		p, _, err := lake.ReadPointer(t.Context(), w.lake, dataset)
		if err != nil || p == nil || p.Snapshot <= after {
			t.Fatalf("%s is not published after %s: %+v, %v", dataset, after, p, err)
		}
		return p
	}
	was := func(t *testing.T, dataset string) string { return published(t, dataset, "").Snapshot }

	all("recreate.md", func(t *testing.T) []string {
		if read("recreate.md")[0] != applied {
			t.Errorf("the page makes an environment by\n%s\nand this test by\n%s", read("recreate.md")[0], applied)
		}
		w.forget(t, "service_types")
		return nil
	}, func(t *testing.T, said string) { published(t, "service_types", "") })

	all("restart-and-validate.md", func(t *testing.T) []string {
		w.deadLetter(t, "service_types", "validator", "stager")
		return nil
	}, func(t *testing.T, said string) {
		for name, n := range w.depths(t, "-dlq") {
			if n > 0 {
				t.Errorf("%s still holds %d", name, n)
			}
		}
	})

	before := was(t, "population")
	all("fill-gaps.md", func(t *testing.T) []string {
		// A gap: 2023 is not part of what is published.
		p := published(t, "population", "")
		p.Parts = slices.DeleteFunc(p.Parts, func(p lake.PointerPart) bool { return p.Slice == "2023" })
		if _, err := w.lake.Put(t.Context(), lake.PointerKey("population"), lake.Encode(p)); err != nil {
			t.Fatal(err)
		}
		return nil
	}, func(t *testing.T, said string) {
		p := published(t, "population", before)
		if len(p.Parts) != 2 || p.Part("2023").RunID <= before || !p.Part("2024").CarriedOn {
			t.Errorf("filled 2023: %+v", p.Parts)
		}
	})

	types := was(t, "service_types")
	all("collect-by-hand.md", func(t *testing.T) []string { return []string{"PAGE=" + w.archivedPage(t, "service_types")} }, func(t *testing.T, said string) {
		w.eventually(t, c, "service_types", types)
	})
	all("alternative-source.md", nil, func(t *testing.T, said string) {})
	all("tell-the-users.md", nil, func(t *testing.T, said string) {
		if !strings.Contains(said, "municipalities") {
			t.Errorf("the facts name no dataset:\n%s", said)
		}
	})

	lost := was(t, "housing")
	all("restore-from-replica.md", func(t *testing.T) []string {
		w.replicate(t)
		for _, layer := range []string{"state", "staging", "archive", "evidence"} {
			for _, key := range w.keys(t, layer+"/housing/") {
				w.deleteKey(t, key)
			}
		}
		for _, key := range w.keys(t, "staging/gdp_quarterly/") { // under a pointer that stays
			w.deleteKey(t, key)
		}
		return nil
	}, func(t *testing.T, said string) {
		p := published(t, "housing", "")
		if p.Snapshot != lost {
			t.Errorf("restored %s, lost was %s", p.Snapshot, lost)
		}
		for _, part := range slices.Concat(p.Parts, published(t, "gdp_quarterly", "").Parts) {
			for _, o := range part.Objects {
				if _, err := lake.Read(t.Context(), w.lake, o.Object); err != nil {
					t.Error(err)
				}
			}
		}
	})

	tried["take-a-deploy-back.md"] = true
	t.Run("take-a-deploy-back.md", func(t *testing.T) {
		// Run by deploysAlone, which has what to take back; here that the page says the same.
		if got := strings.Join(read("take-a-deploy-back.md"), ""); got != "bin/llac deploy running --env dev\nmake rollback SERVICE=validator ENV=dev\n" {
			t.Errorf("the page says\n%s", got)
		}
	})
	pages, _ := filepath.Glob(filepath.Join(folder, "*.md"))
	for _, p := range pages {
		if !tried[filepath.Base(p)] {
			t.Errorf("no command of %s is tried", filepath.Base(p))
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// eventually waits until a dataset is published anew.
func (w *world) eventually(t *testing.T, c *driver.Cloud, dataset, after string) {
	t.Helper()
	if err := waitFor(c, 20*time.Second, func() (bool, string) {
		p, _, err := lake.ReadPointer(t.Context(), w.lake, dataset)
		return err == nil && p != nil && p.Snapshot > after, dataset + " is not published after " + after
	}); err != nil {
		t.Fatal(err)
	}
}

// archivedPage writes an archived page of a dataset to a file, as a person would have saved it.
func (w *world) archivedPage(t *testing.T, dataset string) string {
	t.Helper()
	for _, key := range w.keys(t, "archive/"+dataset+"/") {
		if !strings.HasSuffix(key, ".json.zst") {
			continue
		}
		packed, _, err := w.lake.Get(t.Context(), key)
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
	t.Fatalf("nothing of %s is archived", dataset)
	return ""
}

// replicate does what S3's replication does, which moto does not: it copies the prefixes that stacks/storage says into the replica.
func (w *world) replicate(t *testing.T) {
	t.Helper()
	const bucket = "llac-" + env + "-replica-" + Account
	var there *s3types.BucketAlreadyOwnedByYou // by who works on these tests
	if _, err := s3.NewFromConfig(w.config).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	}); err != nil && !errors.As(err, &there) {
		t.Fatal(err)
	}
	replica := lake.NewS3(w.config, bucket, clock.System{})
	for _, prefix := range []string{"staging/", "marts/", "state/", "evidence/", "quality/", "runs/", "archive/"} {
		for _, key := range w.keys(t, prefix) {
			body, _, err := w.lake.Get(t.Context(), key)
			if err == nil {
				_, err = replica.Put(t.Context(), key, body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// deadLetter puts what a service said of a dataset into the dead-letter queue of who hears it, as SQS does with a message whose receiver died
// again and again.
func (w *world) deadLetter(t *testing.T, dataset, from, to string) {
	t.Helper()
	p, _, err := lake.ReadPointer(t.Context(), w.lake, dataset)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	receipt, _, err := lake.ReadState[lake.Receipt](t.Context(), w.lake, lake.ReceiptKey(dataset, p.RunID, from, 0))
	if err != nil || receipt == nil {
		t.Fatal(receipt, err)
	}
	body, err := json.Marshal(receipt.Events[0])
	if err != nil {
		t.Fatal(err)
	}
	url := w.moto.Endpoint + "/" + Account + "/llac-" + env + "-" + to + "-dlq"
	if _, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
}
