package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

// Directory checks this machine and a state directory.
type Directory struct {
	Dir       string
	Contracts string // folder of the contracts
	Command   Command
}

// checks lists what is checked, in the order of the findings.
func (d Directory) checks() []func(context.Context) []Finding {
	return []func(context.Context) []Finding{golang, python, d.directory, d.disk, loopback, d.contracts, d.marts, d.work}
}

// Run carries out all checks.
func (d Directory) Run(ctx context.Context) []Finding {
	var out []Finding
	for _, check := range d.checks() {
		out = append(out, check(ctx)...)
	}
	return out
}

// existing returns the directory, or its nearest parent that exists.
func existing(dir string) string {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "."
	}
	for {
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			return at
		}
		up := filepath.Dir(at)
		if up == at {
			return at
		}
		at = up
	}
}

func (d Directory) directory(context.Context) []Finding {
	if info, err := os.Stat(d.Dir); err == nil && !info.IsDir() {
		return one("directory", Fail, d.Dir+" is a file", "remove it, or use another --dir")
	}
	if err := tryWriting(existing(d.Dir)); errors.Is(err, fs.ErrPermission) {
		return one("directory", Fail, "write to "+d.Dir+": permission denied", "give yourself write permission, or use another --dir")
	} else if err != nil {
		return one("directory", Fail, fmt.Sprintf("write to %s: %v", d.Dir, err), "check the file system")
	}
	if _, err := os.Stat(d.Dir); err != nil {
		return one("directory", OK, d.Dir+" does not exist yet; llac run creates it", "")
	}
	return one("directory", OK, d.Dir+" is writable", "")
}

// tryWriting creates a file in a folder and removes it.
func tryWriting(folder string) error {
	f, err := os.CreateTemp(folder, ".llac-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (d Directory) disk(context.Context) []Finding {
	free, ok := freeBytes(existing(d.Dir))
	text := format.Size(int64(free)) + " free"
	switch {
	case !ok:
		return one("disk", OK, "this system does not report its free space", "")
	case free < 100e6:
		return one("disk", Fail, text, "free some space: a run writes its raw pages twice and its Parquet files once")
	case free < 1e9:
		return one("disk", Warn, text, "free some space before running larger datasets")
	}
	return one("disk", OK, text, "")
}

func (d Directory) contracts(context.Context) []Finding {
	contracts, err := pipeline.LoadContracts(d.Contracts)
	var problems contract.Problems
	switch {
	case errors.As(err, &problems):
		return one("contracts", Fail, format.Plural(len(problems), "problem")+", the first: "+problems[0].Error(),
			d.Command("datasets check")+" shows all of them")
	case err != nil:
		return one("contracts", Fail, err.Error(), "--datasets names the folder of the contracts")
	}
	return one("contracts", OK, format.Plural(len(contracts), "contract")+" in "+d.Contracts+", all valid", "")
}

func (d Directory) marts(ctx context.Context) []Finding {
	if d.inaccessible() {
		return nil
	}
	return martsOf(ctx, filelake.Open(d.Dir, pipeline.DataBucket), d.Command)
}

// inaccessible reports whether the directory cannot be read or written. The check of the directory reports that; checks
// that fail for this reason alone do not report it again.
func (d Directory) inaccessible() bool {
	info, err := os.Stat(d.Dir)
	return err == nil && (!info.IsDir() || errors.Is(tryWriting(d.Dir), fs.ErrPermission))
}

// work checks the owner of the directory, the queues, and the unfinished requests.
func (d Directory) work(ctx context.Context) []Finding {
	if d.inaccessible() {
		return nil
	}
	before := readLock(d.Dir)
	cloud, err := pipeline.Look(ctx, d.Dir)
	var none *pipeline.NoLakeError
	if errors.As(err, &none) {
		return append(one("owner", OK, "nothing has run here yet", ""), d.unfinished(false)...)
	}
	if err != nil {
		return append(one("owner", Fail, err.Error(), "try again; if the error persists, look for the process it names"),
			d.unfinished(false)...)
	}
	out := []Finding{d.owner(cloud, before)}
	for _, kind := range []queueKind{
		{check: "queues", name: localName(messaging.QueueName), fix: d.Command("run") + " processes them", tolerate: cloud.Owner != nil},
		{check: "dead letters", name: localName(messaging.DeadLetterQueueName), fix: d.Command("dlq list") + " shows the reasons; " +
			d.Command("dlq replay <id>") + " tries again"},
	} {
		out = append(out, kind.findings(ctx, cloud.Queues(), "read "+pipeline.LogFile(d.Dir), "")...)
	}
	if err := cloud.Close(); err != nil {
		out = append(out, Finding{"owner", Fail, err.Error(), "check the file system"})
	}
	return append(out, d.unfinished(cloud.Owner != nil)...)
}

// localName names a service's queue in the local environment.
func localName(name func(env, service string) string) func(service string) string {
	return func(service string) string { return name(pipeline.Env, service) }
}

func (d Directory) owner(cloud *pipeline.Cloud, before aws.OwnedError) Finding {
	switch o := cloud.Owner; {
	case o != nil:
		return Finding{"owner", OK, fmt.Sprintf("process %d since %s: %s", o.PID, format.Time(o.Since), o.Command), ""}
	case before.PID != 0:
		return Finding{"owner", Warn, fmt.Sprintf("process %d (%s) ended without releasing the directory", before.PID, before.Command),
			"nothing is lost: " + d.Command("run") + " resumes its work"}
	}
	return Finding{"owner", OK, "none; the directory is free", ""}
}

// readLock reads the last owner from the directory's lock; the zero value if it released the directory.
func readLock(dir string) aws.OwnedError {
	var o aws.OwnedError
	if b, err := os.ReadFile(filepath.Join(dir, "owner.lock")); err == nil {
		_ = json.Unmarshal(b, &o) // an incomplete file is being written by a living owner
	} else if !errors.Is(err, fs.ErrNotExist) {
		o.Command = err.Error()
	}
	return o
}

func (d Directory) unfinished(running bool) []Finding {
	unfinished, err := pipeline.Unfinished(d.Dir)
	if err != nil {
		return one("unfinished", Fail, err.Error(), "remove the file to forget the requests")
	}
	if len(unfinished) == 0 {
		return one("unfinished", OK, "no request", "")
	}
	var names []string
	for _, p := range unfinished {
		names = append(names, p.Dataset+"/"+p.Slot)
	}
	if running {
		return one("unfinished", OK, strings.Join(names, ", ")+": in progress", "")
	}
	return one("unfinished", Warn, strings.Join(names, ", "), d.Command("run")+" resumes them")
}
