package laketest

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

// Fault is how a server mistreats one request. With the zero Fault the server responds normally.
type Fault struct {
	Status       int    // HTTP status of the response; the request is not executed
	Code         string // S3's error code in that response
	LoseResponse bool   // execute the request, then drop the connection
}

// Faulty is a Store over HTTP whose server can be made to fail.
type Faulty struct {
	Store lake.Store
	// Set installs the function that chooses the fault of each request; nil removes it.
	Set func(decide func(*http.Request) Fault)
	// NoBucket is a Store of the same server over a bucket that does not exist.
	NoBucket lake.Store
}

// Faults tests what a Store over S3's protocol must do when the network or the server fails. open returns a new one and is
// called once per case. strict makes the server answer 403 for a missing key, as S3 does without ListBucket.
func Faults(t *testing.T, open func(t *testing.T, strict bool) Faulty) {
	for _, c := range []struct {
		name   string
		strict bool
		run    func(t *testing.T, f Faulty)
	}{
		{"create: the response is lost, the retry finds its own object", false, lostCreate},
		{"create: the response is lost, another writer was faster", false, lostRace},
		{"swap: the response is lost, the retry finds its own object", false, lostSwap},
		{"stream: the last response is lost, the retry finds its own object", false, lostComplete},
		{"a conflict is retried", false, conflict},
		{"a lasting conflict is an error", false, conflictStays},
		{"5xx is retried", false, serverError},
		{"an interrupted response is read again", false, lostRead},
		{"a denied write is an error other than not found", false, refusedWrite},
		{"wrong credentials are an error other than not found", false, wrongKeys},
		{"403 for a missing key is ErrNotFound", true, strictMissing},
		{"a missing bucket is an error other than not found", false, noBucket},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t, c.strict))
		})
	}
}

// first lets a fault happen to the first n matching requests and returns how many there were in all.
func first(f Faulty, n int64, matches func(*http.Request) bool, fault Fault) *atomic.Int64 {
	var seen atomic.Int64
	f.Set(func(r *http.Request) Fault {
		if matches(r) && seen.Add(1) <= n {
			return fault
		}
		return Fault{}
	})
	return &seen
}

func puts(r *http.Request) bool { return r.Method == http.MethodPut }
func gets(r *http.Request) bool { return r.Method == http.MethodGet }

// finishes reports whether the request completes a multipart upload.
func finishes(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

func lostCreate(t *testing.T, f Faulty) {
	seen := first(f, 1, puts, Fault{LoseResponse: true})
	info, outcome, err := f.Store.PutIfAbsent(t.Context(), "receipt", []byte("mine"))
	if err != nil || outcome != lake.AlreadyMine || info.ETag == "" || info.SHA256 != lake.SHA256([]byte("mine")) {
		t.Errorf("error %v, outcome %d, %+v; want AlreadyMine", err, outcome, info)
	}
	if seen.Load() < 2 {
		t.Errorf("the fault did not occur: %d puts", seen.Load())
	}
	want(t, f.Store, "receipt", "mine")
}

func lostRace(t *testing.T, f Faulty) {
	_, err := f.Store.Put(t.Context(), "receipt", []byte("another's"))
	check(t, err)
	first(f, 1, puts, Fault{LoseResponse: true})
	if _, _, err := f.Store.PutIfAbsent(t.Context(), "receipt", []byte("mine")); !errors.Is(err, lake.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	want(t, f.Store, "receipt", "another's")
}

func lostSwap(t *testing.T, f Faulty) {
	old, err := f.Store.CompareAndSwap(t.Context(), "pointer", []byte("one"), "")
	check(t, err)
	seen := first(f, 1, puts, Fault{LoseResponse: true})
	info, err := f.Store.CompareAndSwap(t.Context(), "pointer", []byte("two"), old.ETag)
	if err != nil || info.ETag == "" || info.ETag == old.ETag {
		t.Errorf("error %v, %+v", err, info)
	}
	if seen.Load() < 2 {
		t.Errorf("the fault did not occur: %d puts", seen.Load())
	}
	want(t, f.Store, "pointer", "two")
}

func lostComplete(t *testing.T, f Faulty) {
	seen := first(f, 1, finishes, Fault{LoseResponse: true})
	info, err := f.Store.PutStream(t.Context(), "a.parquet", strings.NewReader(string(large)))
	if err != nil || info.SHA256 != lake.SHA256(large) {
		t.Errorf("error %v, sha256 %s", err, info.SHA256)
	}
	if seen.Load() == 0 {
		t.Error("the fault did not occur")
	}
}

func conflict(t *testing.T, f Faulty) {
	fault := Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"}
	first(f, 3, puts, fault)
	if _, outcome, err := f.Store.PutIfAbsent(t.Context(), "receipt", []byte("mine")); err != nil || outcome != lake.Created {
		t.Errorf("create: %v, outcome %d", err, outcome)
	}
	_, at, err := f.Store.Get(t.Context(), "receipt")
	check(t, err)
	first(f, 3, puts, fault)
	if _, err := f.Store.CompareAndSwap(t.Context(), "receipt", []byte("two"), at.ETag); err != nil {
		t.Errorf("swap: %v", err)
	}
	want(t, f.Store, "receipt", "two")
}

func conflictStays(t *testing.T, f Faulty) {
	first(f, 1000, puts, Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"})
	_, outcome, err := f.Store.PutIfAbsent(t.Context(), "receipt", []byte("mine"))
	if err == nil || outcome != 0 || errors.Is(err, lake.ErrExists) || errors.Is(err, lake.ErrNotFound) {
		t.Errorf("error %v, outcome %d; want an error that can be retried", err, outcome)
	}
}

func serverError(t *testing.T, f Faulty) {
	fault := Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	first(f, 2, puts, fault)
	if _, outcome, err := f.Store.PutIfAbsent(t.Context(), "a", []byte("a")); err != nil || outcome != lake.Created {
		t.Errorf("create: %v, outcome %d", err, outcome)
	}
	first(f, 2, gets, Fault{Status: http.StatusInternalServerError, Code: "InternalError"})
	want(t, f.Store, "a", "a")
	first(f, 2, func(r *http.Request) bool { return r.Method == http.MethodDelete }, fault)
	check(t, f.Store.Delete(t.Context(), "a", ""))
}

func lostRead(t *testing.T, f Faulty) {
	info, err := f.Store.Put(t.Context(), "a", []byte("a"))
	check(t, err)
	first(f, 1, gets, Fault{LoseResponse: true})
	want(t, f.Store, "a", "a")
	first(f, 1, gets, Fault{LoseResponse: true})
	_, err = lake.Read(t.Context(), f.Store, info.Object())
	check(t, err)
}

func refusedWrite(t *testing.T, f Faulty) {
	first(f, 1000, puts, Fault{Status: http.StatusForbidden, Code: "AccessDenied"})
	_, outcome, err := f.Store.PutIfAbsent(t.Context(), "a", []byte("a"))
	if err == nil || outcome != 0 || errors.Is(err, lake.ErrNotFound) || errors.Is(err, lake.ErrExists) {
		t.Errorf("error %v, outcome %d", err, outcome)
	}
}

func wrongKeys(t *testing.T, f Faulty) {
	for _, code := range []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"} {
		first(f, 1000, gets, Fault{Status: http.StatusForbidden, Code: code})
		if _, _, err := f.Store.Get(t.Context(), "a"); err == nil || errors.Is(err, lake.ErrNotFound) {
			t.Errorf("%s: %v; a store that cannot be read must not look empty", code, err)
		}
	}
}

func strictMissing(t *testing.T, f Faulty) {
	missing(t, f.Store)
	if _, outcome, err := f.Store.PutIfAbsent(t.Context(), "a", []byte("a")); err != nil || outcome != lake.Created {
		t.Errorf("create: %v, outcome %d", err, outcome)
	}
	want(t, f.Store, "a", "a")
}

func noBucket(t *testing.T, f Faulty) {
	_, _, get := f.NoBucket.Get(t.Context(), "a")
	_, _, create := f.NoBucket.PutIfAbsent(t.Context(), "a", []byte("a"))
	_, swap := f.NoBucket.CompareAndSwap(t.Context(), "a", []byte("a"), "")
	list := f.NoBucket.List(t.Context(), "", func(lake.Info) bool { return true })
	remove := f.NoBucket.Delete(t.Context(), "a", "")
	for name, err := range map[string]error{"get": get, "create": create, "swap": swap, "list": list, "delete": remove} {
		if err == nil || errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "bucket") {
			t.Errorf("%s: %v; want an error that names the bucket and is not ErrNotFound", name, err)
		}
	}
}
