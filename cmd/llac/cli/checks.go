package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

// asked is how long another program may take to tell its version.
const asked = 10 * time.Second

func versionOf(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func checkGo(ctx context.Context) []finding {
	v, err := versionOf(ctx, "go", "version")
	if err != nil {
		return []finding{{"go", warn, "not found", "only needed to build llac and run its tests"}}
	}
	return []finding{{"go", well, strings.TrimPrefix(v, "go version "), ""}}
}

var pythonVersion = regexp.MustCompile(`^Python 3\.(\d+)`)

func checkPython(ctx context.Context) []finding {
	const use = "only needed for the marts (dbt) and for half of the conformance tests; install Python 3.10 or later"
	v, err := versionOf(ctx, "python3", "--version")
	m := pythonVersion.FindStringSubmatch(v)
	if err != nil || m == nil {
		return []finding{{"python", warn, "not found", use}}
	}
	if minor, _ := strconv.Atoi(m[1]); minor < 10 {
		return []finding{{"python", warn, v, use}}
	}
	return []finding{{"python", well, v, ""}}
}

// standing is the directory, or the nearest one above it that is there.
func standing(dir string) string {
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

func (a *App) checkDirectory(context.Context) []finding {
	if info, err := os.Stat(a.dir); err == nil && !info.IsDir() {
		return []finding{{"directory", ill, a.dir + " is a file", "remove it, or use another --dir"}}
	}
	at := standing(a.dir)
	if err := tryWriting(at); errors.Is(err, fs.ErrPermission) {
		return []finding{{"directory", ill, a.dir + " cannot be written to: permission denied", "give yourself the right to write there, or use another --dir"}}
	} else if err != nil {
		return []finding{{"directory", ill, fmt.Sprintf("%s: %v", a.dir, err), "look at the file system"}}
	}
	if _, err := os.Stat(a.dir); err != nil {
		return []finding{{"directory", well, a.dir + " is not there yet; llac run makes it", ""}}
	}
	return []finding{{"directory", well, a.dir + " is writable", ""}}
}

// tryWriting makes a file in a folder and takes it away.
func tryWriting(folder string) error {
	f, err := os.CreateTemp(folder, ".llac-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (a *App) checkDisk(context.Context) []finding {
	free, ok := freeBytes(standing(a.dir))
	switch {
	case !ok:
		return []finding{{"disk", well, "free space is not known on this system", ""}}
	case free < 100e6:
		return []finding{{"disk", ill, size(int64(free)) + " free", "make room: a run writes its raw pages twice and its Parquet once"}}
	case free < 1e9:
		return []finding{{"disk", warn, size(int64(free)) + " free", "make room before larger datasets are run"}}
	}
	return []finding{{"disk", well, size(int64(free)) + " free", ""}}
}

func checkPorts(ctx context.Context) []finding {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return []finding{{"loopback", ill, fmt.Sprintf("cannot listen on 127.0.0.1: %v", err), "let programs listen on the loopback interface"}}
	}
	_ = l.Close() // only tried
	return []finding{{"loopback", well, "a port on 127.0.0.1 can be listened on", ""}}
}

func (a *App) checkContracts(context.Context) []finding {
	contracts, err := pipeline.LoadContracts(a.contracts)
	var problems contract.Problems
	switch {
	case errors.As(err, &problems):
		return []finding{{"contracts", ill, plural(len(problems), "problem") + ", the first: " + problems[0].Error(), a.llac("datasets check") + " shows all of them"}}
	case err != nil:
		return []finding{{"contracts", ill, err.Error(), "--datasets names the folder of the contracts"}}
	}
	return []finding{{"contracts", well, plural(len(contracts), "contract") + " in " + a.contracts + ", all valid", ""}}
}

// checkMarts looks whether the marts are those of the published snapshots.
func (a *App) checkMarts(ctx context.Context) []finding {
	if a.shut() {
		return nil
	}
	return a.checkMartsOf(ctx, filelake.Open(a.dir, pipeline.DataBucket))
}

// checkWork looks who owns the directory, what the queues hold, and what is not at its end.
func (a *App) checkWork(ctx context.Context) []finding {
	if a.shut() {
		return nil
	}
	before := lockText(a.dir)
	cloud, err := pipeline.Look(ctx, a.dir)
	var none *pipeline.NoLakeError
	if errors.As(err, &none) {
		return append([]finding{{"owner", well, "nothing has run here yet", ""}}, a.checkUnfinished(false)...)
	}
	if err != nil {
		return append([]finding{{"owner", ill, err.Error(), "try again; if it stays so, look for the process named"}}, a.checkUnfinished(false)...)
	}
	var out []finding
	switch {
	case cloud.Owner != nil:
		out = append(out, finding{"owner", well, fmt.Sprintf("process %d since %s: %s", cloud.Owner.PID, stamp(cloud.Owner.Since), cloud.Owner.Command), ""})
	case before.PID != 0:
		out = append(out, finding{"owner", warn, fmt.Sprintf("process %d (%s) died without letting go", before.PID, before.Command), "nothing is lost: " + a.llac("run") + " resumes what it had under way"})
	default:
		out = append(out, finding{"owner", well, "nobody; the directory is free", ""})
	}
	for _, kind := range []struct {
		check string
		name  func(env, service string) string
		fix   string
	}{
		{"queues", messaging.QueueName, a.llac("run") + " deals with them"},
		{"dead letters", messaging.DeadLetterQueueName, a.llac("dlq list") + " shows why; " + a.llac("dlq replay <id>") + " tries again"},
	} {
		total, where := 0, []string{}
		for _, s := range pipeline.Services {
			d, depthErr := cloud.Queues().Depth(ctx, kind.name(pipeline.Env, s.Name))
			if err = errors.Join(err, depthErr); d.Total() > 0 {
				total += d.Total()
				where = append(where, s.Name+" "+count(d.Total()))
			}
		}
		switch {
		case err != nil:
			out = append(out, finding{kind.check, ill, err.Error(), "look into " + pipeline.LogFile(a.dir)})
		case total > 0 && (kind.check == "dead letters" || cloud.Owner == nil):
			out = append(out, finding{kind.check, warn, plural(total, "message") + ": " + strings.Join(where, ", "), kind.fix})
		default:
			out = append(out, finding{kind.check, well, plural(total, "message"), ""})
		}
	}
	if err := cloud.Close(); err != nil {
		out = append(out, finding{"owner", ill, err.Error(), "look at the file system"})
	}
	return append(out, a.checkUnfinished(cloud.Owner != nil)...)
}

// lockText reads what the lock of the directory says of its last owner; nothing when it let go in order.
func lockText(dir string) aws.OwnedError {
	var o aws.OwnedError
	if b, err := os.ReadFile(filepath.Join(dir, "owner.lock")); err == nil {
		_ = json.Unmarshal(b, &o) // being written at this moment: then its owner lives
	} else if !errors.Is(err, fs.ErrNotExist) {
		o.Command = err.Error()
	}
	return o
}

// shut says whether the directory cannot be looked into or written to, which checkDirectory tells: what fails for that
// reason alone is not told again.
func (a *App) shut() bool {
	info, err := os.Stat(a.dir)
	return err == nil && (!info.IsDir() || errors.Is(tryWriting(a.dir), fs.ErrPermission))
}

func (a *App) checkUnfinished(running bool) []finding {
	unfinished, err := pipeline.Unfinished(a.dir)
	if err != nil {
		return []finding{{"unfinished", ill, err.Error(), "remove the file to forget it"}}
	}
	if len(unfinished) == 0 {
		return []finding{{"unfinished", well, "no request", ""}}
	}
	var names []string
	for _, p := range unfinished {
		names = append(names, p.Dataset+"/"+p.Slot)
	}
	if running {
		return []finding{{"unfinished", well, strings.Join(names, ", ") + ": under way", ""}}
	}
	return []finding{{"unfinished", warn, strings.Join(names, ", "), a.llac("run") + " resumes"}}
}
