package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const ownerName = "owner.lock"

// ErrOwned matches (errors.Is) the OwnedError of a directory that another process owns.
var ErrOwned = errors.New("the local cloud is owned by another process")

// OwnedError describes the process that owns the state directory.
type OwnedError struct {
	Dir     string    `json:"-"`
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
	Note    string    `json:"note,omitempty"`
	// Endpoint is the address of the owner's cloud; empty while the cloud starts. See ConfigFor.
	Endpoint string `json:"endpoint,omitempty"`
}

func (e *OwnedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is owned by another process, whose id is unknown so far; stop it, or use another directory", e.Dir)
	}
	note := ""
	if e.Note != "" {
		note = " (" + e.Note + ")"
	}
	return fmt.Sprintf("%s is owned by process %d on %s since %s: %s%s; stop it, or use another directory",
		e.Dir, e.PID, e.Host, e.Since.Format(time.RFC3339), e.Command, note)
}

// Is makes errors.Is(err, ErrOwned) true.
func (e *OwnedError) Is(target error) bool { return target == ErrOwned }

// ownership is the lock of a state directory. The kernel releases the lock when the process ends, so that the next owner can lock
// a file that was left behind.
type ownership struct {
	file *os.File
	who  OwnedError
}

// takeOwnership locks dir, or returns an *OwnedError.
func takeOwnership(dir, note string, now time.Time) (*ownership, error) {
	path := filepath.Join(dir, ownerName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("local cloud: open lock: %w", err)
	}
	held, err := lockFile(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("local cloud: lock %s: %w", path, err), f.Close())
	}
	if !held {
		owner := &OwnedError{}
		if b, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(b, owner) // if it is being written, the error has no details
		}
		owner.Dir = dir
		return nil, errors.Join(owner, f.Close())
	}
	host, _ := os.Hostname()
	o := &ownership{file: f, who: OwnedError{PID: os.Getpid(), Host: host, Since: now, Command: strings.Join(os.Args, " "), Note: note}}
	if err := o.announce(""); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// Own locks a directory, without starting a cloud, for work that must not run twice at the same time. It creates the directory if
// missing, and returns an *OwnedError if another process owns it.
func Own(dir, note string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	o, err := takeOwnership(dir, note, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	return o.release, nil
}

// announce records the owner of the directory and the address of its cloud.
func (o *ownership) announce(endpoint string) error {
	o.who.Endpoint = endpoint
	b, err := json.Marshal(o.who)
	if err == nil {
		err = o.file.Truncate(0)
	}
	if err == nil {
		_, err = o.file.WriteAt(append(b, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("local cloud: write %s: %w", o.file.Name(), err)
	}
	return nil
}

// release releases the directory. The file stays, because removing it would race with the next owner.
func (o *ownership) release() error {
	_ = o.file.Truncate(0)
	return o.file.Close()
}
