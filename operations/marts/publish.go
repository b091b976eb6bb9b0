package marts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/llac-project/llac/platform/lake"
)

// publish writes the record and moves the pointer.
func (b *build) publish(ctx context.Context) error {
	b.record.FinishedAt, b.record.Marts = b.Clock.Now().UTC(), b.next.Models
	info, _, err := b.Store.PutIfAbsent(ctx, lake.MartsRecordKey(b.id), lake.Encode(b.record))
	if err != nil {
		return fmt.Errorf("write the record of the build: %w", err)
	}
	b.Failpoint(FailpointRecorded)
	b.next.PublishedAt, b.next.Record = b.Clock.Now().UTC(), info.Object()
	// Invariant 2: this one move shows the whole build to readers.
	_, err = b.Store.CompareAndSwap(ctx, lake.MartsPointerKey, lake.Encode(b.next), b.plan.etag)
	if errors.Is(err, lake.ErrChanged) {
		winner, _, readErr := lake.ReadMartsPointer(ctx, b.Store)
		lost := &LostError{Build: b.id}
		if winner != nil {
			lost.Winner, lost.At = winner.Build, winner.PublishedAt
		}
		return errors.Join(lost, readErr)
	}
	if err != nil {
		return fmt.Errorf("move the pointer of the marts: %w", err)
	}
	return nil
}

// failed records why nothing was published. It keeps the SQL and the log of the last failed build for a person to read.
func (b *build) failed(ctx context.Context, err error) error {
	b.next = nil
	r := b.record
	if r.Failure == nil {
		r.Failure = &Failure{Message: err.Error()}
	}
	r.FinishedAt = b.Clock.Now().UTC()
	problems := []error{err}
	kept, keepErr := b.keepForInspection()
	if keepErr != nil {
		problems = append(problems, keepErr)
	}
	r.Failure.Folder = kept
	if _, _, recordErr := b.Store.PutIfAbsent(ctx, lake.MartsFailureKey(b.id), lake.Encode(r)); recordErr != nil {
		problems = append(problems, fmt.Errorf("write the record of the failed build: %w", recordErr))
	}
	return errors.Join(problems...)
}

// keepForInspection moves the build's folder, without its large files, to where the last failed build is kept. It returns
// the folder, or "" if the move failed.
func (b *build) keepForInspection() (string, error) {
	kept := filepath.Join(b.Folder, "failed")
	problems := []error{os.RemoveAll(kept)}
	for _, pattern := range []string{"marts.duckdb*", "spill", "*.parquet", "target/partial_parse.msgpack", "target/graph.gpickle"} {
		large, _ := filepath.Glob(filepath.Join(b.folder, filepath.FromSlash(pattern))) // the patterns are well-formed
		for _, f := range large {
			problems = append(problems, os.RemoveAll(f))
		}
	}
	if err := os.Rename(b.folder, kept); err != nil {
		return "", errors.Join(append(problems, err)...)
	}
	return kept, errors.Join(problems...)
}
