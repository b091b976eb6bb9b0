package aws

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const (
	journalName = "journal.jsonl"
	// compactAfter is the minimum growth in bytes between two compactions.
	compactAfter = 32 << 20
)

// journal is an append-only file of JSON lines. append writes to the operating system: the bytes survive kill -9. sync makes them
// survive a power cut; concurrent callers of sync share one fsync.
type journal struct {
	dir string

	mu       sync.Mutex
	changed  *sync.Cond // syncing or durable changed
	file     *os.File
	size     int64 // bytes in the file
	base     int64 // size right after the last compaction
	position int64 // number of bytes appended since the start
	durable  int64 // position up to which everything is on disk
	syncing  bool
	failed   error // error of a write or fsync, after which the journal accepts no more records
}

// openJournal passes every whole record of dir's journal to replay and opens the journal for appending. A partial last line was
// left by a crash in the middle of a write. It was never acknowledged, so it is cut off. Damage before it is an error.
func openJournal(dir string, replay func(record) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("local cloud: make journal folder: %w", err)
	}
	path := filepath.Join(dir, journalName)
	_ = os.Remove(path + ".new") // left by an unfinished compaction
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("local cloud: open journal: %w", err)
	}
	whole, err := readRecords(f, path, replay)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j := &journal{dir: dir, file: f, size: whole, base: whole}
	j.changed = sync.NewCond(&j.mu)
	return j, nil
}

// readRecords replays r and returns the length in bytes of its whole records.
func readRecords(r io.Reader, path string, replay func(record) error) (whole int64, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	torn := 0 // number of the first line that cannot be decoded
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return 0, fmt.Errorf("local cloud: read %s: %w", path, err)
		}
		if err == io.EOF { // also: a last line without its newline
			return whole, nil
		}
		var rec record
		if json.Unmarshal(line, &rec) != nil || rec.Op == "" {
			if torn == 0 {
				torn = number
			}
			continue
		}
		if torn != 0 {
			return 0, fmt.Errorf("local cloud: %s is damaged at line %d, with whole records after it; "+
				"move the file away to start with empty queues", path, torn)
		}
		if err := replay(rec); err != nil {
			return 0, fmt.Errorf("local cloud: replay %s line %d: %w", path, number, err)
		}
		whole += int64(len(line))
	}
}

// encodeRecord writes rec as one line.
func encodeRecord(b *bytes.Buffer, rec record) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(rec)
}

// append writes records in one write and returns the position to pass to sync.
func (j *journal) append(lines []byte) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return 0, j.failed
	}
	if _, err := j.file.Write(lines); err != nil {
		// Cut off the partial line, so that the next record does not follow it.
		if cut := j.file.Truncate(j.size); cut != nil {
			j.failed = fmt.Errorf("local cloud: write journal (%w) and cut off the partial record (%w): free disk space and restart", err,
				cut)
			return 0, j.failed
		}
		return 0, fmt.Errorf("local cloud: write journal: %w", err)
	}
	j.size += int64(len(lines))
	j.position += int64(len(lines))
	return j.position, nil
}

// sync returns when everything up to position is on disk.
func (j *journal) sync(position int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < position {
		if j.failed != nil {
			return j.failed
		}
		if j.syncing {
			j.changed.Wait()
			continue
		}
		j.syncing = true
		upTo, file := j.position, j.file
		j.mu.Unlock()
		err := file.Sync()
		j.mu.Lock()
		j.syncing = false
		if err != nil {
			// After a failed fsync the kernel may have dropped the pages, so that the content of the file is unknown.
			j.failed = fmt.Errorf("local cloud: fsync journal: %w; restart to read what is on disk", err)
		} else {
			j.durable = max(j.durable, upTo)
		}
		j.changed.Broadcast()
	}
	return nil
}

// grown reports whether the file has grown enough since the last compaction to be rewritten.
func (j *journal) grown() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size-j.base > max(compactAfter, 2*j.base)
}

// postpone delays the next compaction, after one that failed.
func (j *journal) postpone() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.base = j.size
}

// replace replaces the journal by one that contains only the snapshot. The caller prevents concurrent appends.
func (j *journal) replace(snapshot func(write func(record) error) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.syncing {
		j.changed.Wait()
	}
	path := filepath.Join(j.dir, journalName)
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("local cloud: compact journal: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	var size int64
	var line bytes.Buffer
	err = snapshot(func(rec record) error {
		line.Reset()
		if err := encodeRecord(&line, rec); err != nil {
			return err
		}
		size += int64(line.Len())
		_, err := out.Write(line.Bytes())
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("local cloud: compact journal: %w", err), f.Close())
	}
	_ = j.file.Close()
	j.file, j.size, j.base = f, size, size
	if err := syncDir(j.dir); err != nil {
		j.failed = err
		return err
	}
	j.durable = j.position
	j.changed.Broadcast()
	return nil
}

// close syncs and closes the file.
func (j *journal) close() error {
	j.mu.Lock()
	position := j.position
	j.mu.Unlock()
	err := j.sync(position)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = errors.New("local cloud: closed")
	}
	return errors.Join(err, j.file.Close())
}

// syncDir makes the entries of a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("local cloud: sync folder: %w", err)
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("local cloud: sync folder %s: %w", path, err)
	}
	return nil
}

// syncDirs calls syncDir for several folders concurrently. A folder that was deleted meanwhile is ignored.
func syncDirs(paths []string) error {
	problems := make([]error, len(paths))
	var all sync.WaitGroup
	for i, p := range paths {
		all.Go(func() {
			if err := syncDir(p); !errors.Is(err, fs.ErrNotExist) {
				problems[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(problems...)
}
