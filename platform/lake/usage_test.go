package lake_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// billed counts the requests to a fakeS3 by the classes that S3 bills.
type billed struct{ puts, lists atomic.Int64 }

func (b *billed) count(r *http.Request) laketest.Fault {
	switch {
	case r.Method == http.MethodPut, r.Method == http.MethodPost:
		b.puts.Add(1)
	case r.Method == http.MethodGet && r.URL.Query().Has("list-type"):
		b.lists.Add(1)
	}
	return laketest.Fault{}
}

// TestUsageOfPutStream compares the counted puts with the requests that reach S3.
func TestUsageOfPutStream(t *testing.T) {
	t.Parallel()
	s3 := startS3(t, false)
	var made billed
	s3.Set(made.count)
	store, body := lake.Counted(s3.Store), make([]byte, 3*lake.PartSize)
	for _, size := range []int{0, 1, lake.PartSize - 1, lake.PartSize, lake.PartSize + 1, 2 * lake.PartSize, len(body)} {
		var used lake.Usage
		made.puts.Store(0)
		if _, err := store.PutStream(lake.WithUsage(t.Context(), &used), fmt.Sprint(size), bytes.NewReader(body[:size])); err != nil {
			t.Fatal(err)
		}
		if used.Puts.Load() != made.puts.Load() || used.BytesWritten.Load() != int64(size) {
			t.Errorf("%d bytes: %d puts counted, %d made; %d bytes counted", size, used.Puts.Load(), made.puts.Load(),
				used.BytesWritten.Load())
		}
	}
}

// TestUsageOfList compares the counted lists with the requests that reach S3.
func TestUsageOfList(t *testing.T) {
	t.Parallel()
	s3 := startS3(t, false)
	var made billed
	store, written := lake.Counted(s3.Store), 0
	s3.Set(made.count)
	list := func(atMost int) {
		t.Helper()
		var used lake.Usage
		made.lists.Store(0)
		n := 0
		if err := store.List(lake.WithUsage(context.Background(), &used), "", func(lake.Info) bool { n++; return n < atMost }); err != nil {
			t.Fatal(err)
		}
		if used.Lists.Load() != made.lists.Load() {
			t.Errorf("%d keys, of which %d were read: %d lists counted, %d made", written, n, used.Lists.Load(), made.lists.Load())
		}
	}
	for _, keys := range []int{0, 1, lake.ListPage, lake.ListPage + 1, 2*lake.ListPage + 1} {
		for ; written < keys; written++ {
			if _, err := s3.Store.Put(t.Context(), fmt.Sprintf("%05d", written), nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, atMost := range []int{1, lake.ListPage, lake.ListPage + 1, 3 * lake.ListPage} {
			list(atMost)
		}
	}
}
