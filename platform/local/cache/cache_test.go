package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func write(text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, "content"), []byte(text), 0o644) }
}

func content(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeptUntilTheStampChanges(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "entry")
	for _, c := range []struct{ stamp, makes, want string }{
		{"1", "a", "a"}, {"1", "b", "a"}, {"2", "c", "c"}, {"1", "d", "d"},
	} {
		dir, err := keep(t.Context(), at, c.stamp, write(c.makes))
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, dir); got != c.want {
			t.Errorf("stamp %s: contains %q, want %q", c.stamp, got, c.want)
		}
	}
}

func TestIncompleteEntryIsMadeAgain(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "entry")
	// A killed process leaves a folder without a stamp.
	if err := errors.Join(os.MkdirAll(at, 0o755), write("half")(at)); err != nil {
		t.Fatal(err)
	}
	dir, err := keep(t.Context(), at, "", write("whole"))
	if err != nil || content(t, dir) != "whole" {
		t.Fatalf("%v, contains %q", err, content(t, dir))
	}
	broken := errors.New("broken")
	if _, err := keep(t.Context(), at, "2", func(string) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files remain after a failure: %v", err)
	}
}

func TestOneMakesAndOthersWait(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "entry")
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := keep(t.Context(), at, "1", func(dir string) error {
				made.Add(1)
				return write("once")(dir)
			})
			if err != nil || content(t, dir) != "once" {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "entry")
	making, finish := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := keep(context.Background(), at, "1", func(string) error {
			close(making)
			<-finish
			return nil
		})
		done <- err
	}()
	<-making
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keep(ctx, at, "1", write("")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestUpdate checks that Update finds the folder as the last call left it, and returns the error of a failed update.
func TestUpdate(t *testing.T) {
	checkout := t.TempDir()
	if err := os.WriteFile(filepath.Join(checkout, "go.work"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(checkout)
	count := func(dir string) error {
		file := filepath.Join(dir, "calls")
		b, _ := os.ReadFile(file)
		return os.WriteFile(file, append(b, 'x'), 0o644)
	}
	for range 2 {
		if _, err := Update(t.Context(), "counter", count); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(checkout, ".cache", "counter", "calls")); err != nil || string(b) != "xx" {
		t.Errorf("two updates left %q: %v", b, err)
	}
	failure := errors.New("it does not build")
	if dir, err := Update(t.Context(), "counter", func(string) error { return failure }); dir != "" || !errors.Is(err, failure) {
		t.Errorf("a failed update returned %q, %v", dir, err)
	}
}
