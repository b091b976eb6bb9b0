package conformance

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (s *suite) objects(t *testing.T) {
	each(t, map[string]func(*testing.T){
		"round trip":             s.objectRoundTrip,
		"keys":                   s.objectKeys,
		"ranges":                 s.objectRanges,
		"missing":                s.objectMissing,
		"put if absent":          s.objectPutIfAbsent,
		"put if absent, race":    s.objectPutIfAbsentRace,
		"compare and swap":       s.objectCompareAndSwap,
		"compare and swap, race": s.objectCompareAndSwapRace,
		"wrong checksum":         s.objectChecksum,
		"multipart":              s.objectMultipart,
		"multipart refusals":     s.objectMultipartRefusals,
		"multipart if absent":    s.objectMultipartIfAbsent,
		"listing":                s.objectListing,
		"paging":                 s.objectPaging,
		"delete":                 s.objectDelete,
	})
}

// bucket creates a bucket. At the end of the case it empties and deletes the bucket.
func (s *suite) bucket(t *testing.T, ctx context.Context) string {
	t.Helper()
	b := name("bucket")
	in := &s3.CreateBucketInput{Bucket: &b}
	if s.Config.Region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.Config.Region)}
	}
	must[*s3.CreateBucketOutput](t, "create bucket")(s.s3.CreateBucket(ctx, in))
	onCleanup(t, func(ctx context.Context) {
		for pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &b}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return // the bucket is deleted already
			}
			for _, o := range page.Contents {
				_, _ = s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b, Key: o.Key})
			}
		}
		_, _ = s.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b})
	})
	return b
}

// list returns the keys under a prefix, in the order of the response.
func (s *suite) list(t *testing.T, ctx context.Context, bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); pages.HasMorePages(); {
		for _, o := range must[*s3.ListObjectsV2Output](t, "list")(pages.NextPage(ctx)).Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

func (s *suite) put(t *testing.T, ctx context.Context, bucket, key, body string) string {
	t.Helper()
	out := must[*s3.PutObjectOutput](t, "put "+key)(s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key,
		Body: strings.NewReader(body)}))
	return *out.ETag
}

func (s *suite) get(t *testing.T, ctx context.Context, bucket, key string) string {
	t.Helper()
	out := must[*s3.GetObjectOutput](t, "get "+key)(s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key}))
	defer out.Body.Close()
	return string(must[[]byte](t, "read "+key)(io.ReadAll(out.Body)))
}

func (s *suite) objectRoundTrip(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	body := bytes.Repeat([]byte("Vall d'Aran\x00"), 100_000)
	key := "landing/municipalities/ingested_process_at=20250803T140512/00000.json"
	put := must[*s3.PutObjectOutput](t, "put")(s.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
		Metadata: map[string]string{"run": "20250803T140512"},
	}))
	sum := md5.Sum(body)
	if want := `"` + hex.EncodeToString(sum[:]) + `"`; *put.ETag != want {
		t.Errorf("ETag %s, want %s", *put.ETag, want)
	}
	got := must[*s3.GetObjectOutput](t, "get")(s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: &key}))
	defer got.Body.Close()
	if read := must[[]byte](t, "read")(io.ReadAll(got.Body)); !bytes.Equal(read, body) {
		t.Errorf("read %d bytes, which differ", len(read))
	}
	head := must[*s3.HeadObjectOutput](t, "head")(s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b, Key: &key}))
	if *head.ETag != *put.ETag || *got.ETag != *put.ETag || *head.ContentLength != int64(len(body)) ||
		*head.ContentType != "application/json" || head.Metadata["run"] != "20250803T140512" || head.LastModified == nil {
		t.Errorf("head: ETag %s, %d bytes, %s, %v, %v", *head.ETag, *head.ContentLength, *head.ContentType, head.Metadata,
			head.LastModified)
	}
	// An overwrite also replaces the metadata.
	s.put(t, ctx, b, key, "short")
	head = must[*s3.HeadObjectOutput](t, "head")(s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b, Key: &key}))
	if len(head.Metadata) != 0 || *head.ContentLength != 5 {
		t.Errorf("after an overwrite: %d bytes, metadata %v", *head.ContentLength, head.Metadata)
	}
	s.put(t, ctx, b, key, "")
	if got := s.get(t, ctx, b, key); got != "" {
		t.Errorf("an empty object contains %q", got)
	}
}

func (s *suite) objectKeys(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	keys := []string{
		"a b/c+d/e=f&g.json", "district_id=01/Sant Martí/ç·l·l.parquet", "percent%2Fsign", "question?mark#hash", "日本/🌊",
		"_manifest.x1.json", "dots..in/the..name",
	}
	for _, k := range keys {
		s.put(t, ctx, b, k, "body of "+k)
	}
	for _, k := range keys {
		if got := s.get(t, ctx, b, k); got != "body of "+k {
			t.Errorf("%s contains %q", k, got)
		}
	}
	slices.Sort(keys)
	if got := s.list(t, ctx, b, ""); !slices.Equal(got, keys) {
		t.Errorf("listed %q, want %q", got, keys)
	}
}

func (s *suite) objectRanges(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	s.put(t, ctx, b, "digits", "0123456789")
	for r, want := range map[string][2]string{
		"bytes=2-4": {"234", "bytes 2-4/10"}, "bytes=7-": {"789", "bytes 7-9/10"}, "bytes=-2": {"89", "bytes 8-9/10"},
		"bytes=8-100": {"89", "bytes 8-9/10"},
	} {
		out := must[*s3.GetObjectOutput](t, "get "+r)(s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("digits"),
			Range: &r}))
		got := must[[]byte](t, "read")(io.ReadAll(out.Body))
		_ = out.Body.Close()
		if string(got) != want[0] || aws.ToString(out.ContentRange) != want[1] {
			t.Errorf("%s returns %q, %q", r, got, aws.ToString(out.ContentRange))
		}
	}
	_, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("digits"), Range: aws.String("bytes=10-")})
	if status(err) != 416 {
		t.Errorf("a range after the end: %v, want 416", err)
	}
}

func (s *suite) objectMissing(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	_, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("no/such/key")})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("get: %v, want NoSuchKey", err)
	}
	_, err = s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b, Key: aws.String("no/such/key")})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Errorf("head: %v, want NotFound", err)
	}
	_, err = s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(name("missing")), Key: aws.String("k")})
	if code(err) != "NoSuchBucket" {
		t.Errorf("missing bucket: %v, want NoSuchBucket", err)
	}
	s.put(t, ctx, b, "folder/file", "x")
	if _, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("folder")}); status(err) != 404 {
		t.Errorf("a prefix of a key: %v, want 404", err)
	}
}

func (s *suite) objectPutIfAbsent(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	put := func(body string) error {
		in := &s3.PutObjectInput{Bucket: &b, Key: aws.String("runs/receipt.json"), Body: strings.NewReader(body),
			IfNoneMatch: aws.String("*")}
		_, err := s.s3.PutObject(ctx, in)
		return err
	}
	if err := put("first"); err != nil {
		t.Fatal(err)
	}
	if err := put("second"); code(err) != "PreconditionFailed" || status(err) != 412 {
		t.Errorf("second put: %v, want 412 PreconditionFailed", err)
	}
	if got := s.get(t, ctx, b, "runs/receipt.json"); got != "first" {
		t.Errorf("the object contains %q", got)
	}
}

// race calls try concurrently for n writers. It returns the writers that succeeded and the unexpected errors.
func race(n int, try func(i int) error) (winners []int, problems []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			err := try(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners = append(winners, i)
			case status(err) != 412 && status(err) != 409:
				problems = append(problems, err)
			}
		})
	}
	close(start)
	all.Wait()
	return winners, problems
}

func (s *suite) objectPutIfAbsentRace(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	winners, problems := race(s.Racers, func(i int) error {
		body := strings.Repeat(fmt.Sprintf("writer %02d\n", i), 10_000)
		_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("state/one"), Body: strings.NewReader(body),
			IfNoneMatch: aws.String("*")})
		return err
	})
	if len(winners) != 1 || len(problems) != 0 {
		t.Fatalf("winners %v, problems %v", winners, problems)
	}
	if got, want := s.get(t, ctx, b, "state/one"), strings.Repeat(fmt.Sprintf("writer %02d\n", winners[0]), 10_000); got != want {
		t.Error("the object is not the winner's")
	}
}

func (s *suite) objectCompareAndSwap(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	first := s.put(t, ctx, b, "current.json", "one")
	swap := func(body, etag string) (string, error) {
		out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("current.json"), Body: strings.NewReader(body),
			IfMatch: &etag})
		if err != nil {
			return "", err
		}
		return *out.ETag, nil
	}
	second := must[string](t, "swap")(swap("two", first))
	if _, err := swap("three", first); code(err) != "PreconditionFailed" || status(err) != 412 {
		t.Errorf("swap on an old ETag: %v, want 412 PreconditionFailed", err)
	}
	if _, err := swap("three", second); err != nil {
		t.Errorf("swap on the new ETag: %v", err)
	}
	if got := s.get(t, ctx, b, "current.json"); got != "three" {
		t.Errorf("the object contains %q", got)
	}
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("absent"), Body: strings.NewReader("x"), IfMatch: &second})
	if st := status(err); st != 404 && st != 412 {
		t.Errorf("swap of a missing object: %v, want 404 or 412", err)
	}
}

// objectCompareAndSwapRace runs rounds of concurrent compare-and-swaps: exactly one writer must succeed in each.
func (s *suite) objectCompareAndSwapRace(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	etag := s.put(t, ctx, b, "pointer", "start")
	for round := range 5 {
		next := make([]string, s.Racers)
		winners, problems := race(s.Racers, func(i int) error {
			out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("pointer"),
				Body: strings.NewReader(fmt.Sprintf("round %d by %d", round, i)), IfMatch: &etag})
			if err == nil {
				next[i] = *out.ETag
			}
			return err
		})
		if len(winners) != 1 || len(problems) != 0 {
			t.Fatalf("round %d: winners %v, problems %v", round, winners, problems)
		}
		if got, want := s.get(t, ctx, b, "pointer"), fmt.Sprintf("round %d by %d", round, winners[0]); got != want {
			t.Fatalf("round %d: the object contains %q, want %q", round, got, want)
		}
		etag = next[winners[0]]
	}
}

func (s *suite) objectChecksum(t *testing.T) {
	need(t, s.Has.WriteChecksums, "checked checksums")
	ctx := within(t)
	b := s.bucket(t, ctx)
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("broken"), Body: strings.NewReader("x"),
		ChecksumSHA256: aws.String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")})
	if code(err) != "BadDigest" {
		t.Errorf("a wrong sha256: %v, want BadDigest", err)
	}
	if got := s.list(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("remaining: %v", got)
	}
}

// parts uploads parts, and returns the upload id and the list that completes the upload.
func (s *suite) parts(t *testing.T, ctx context.Context, bucket, key string, bodies ...string) (id string, parts []types.CompletedPart) {
	t.Helper()
	created := must[*s3.CreateMultipartUploadOutput](t, "create upload")(s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key, ContentType: aws.String("application/vnd.apache.parquet"),
		Metadata: map[string]string{"dataset": "population"},
	}))
	id = *created.UploadId
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: &id})
	})
	for i, body := range bodies {
		number := int32(i + 1)
		out := must[*s3.UploadPartOutput](t, "upload part")(s.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: &bucket, Key: &key,
			UploadId: &id, PartNumber: &number, Body: strings.NewReader(body)}))
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number})
	}
	return id, parts
}

func (s *suite) complete(ctx context.Context, bucket, key, id string, parts []types.CompletedPart,
	edit func(*s3.CompleteMultipartUploadInput),
) (string, error) {
	in := &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: &id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}
	if edit != nil {
		edit(in)
	}
	out, err := s.s3.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.ETag, nil
}

func (s *suite) objectMultipart(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	const key = "staging/large.parquet"
	first, second := strings.Repeat("a", 5<<20), "the end"
	id, parts := s.parts(t, ctx, b, key, first, second)
	if got := s.list(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("visible before the end: %v", got)
	}
	etag := must[string](t, "complete")(s.complete(ctx, b, key, id, parts, nil))
	if got := s.get(t, ctx, b, key); got != first+second {
		t.Errorf("%d bytes", len(got))
	}
	head := must[*s3.HeadObjectOutput](t, "head")(s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b, Key: aws.String(key)}))
	if *head.ETag != etag || *head.ContentType != "application/vnd.apache.parquet" || head.Metadata["dataset"] != "population" {
		t.Errorf("head: %s (completed as %s), %s, %v", *head.ETag, etag, *head.ContentType, head.Metadata)
	}
}

func (s *suite) objectMultipartRefusals(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	id, parts := s.parts(t, ctx, b, "small", "too small", "last")
	if _, err := s.complete(ctx, b, "small", id, parts, nil); code(err) != "EntityTooSmall" {
		t.Errorf("a small part before the last: %v, want EntityTooSmall", err)
	}
	wrong := []types.CompletedPart{{ETag: aws.String(`"00000000000000000000000000000000"`), PartNumber: aws.Int32(2)}}
	if _, err := s.complete(ctx, b, "small", id, wrong, nil); code(err) != "InvalidPart" {
		t.Errorf("a wrong ETag: %v, want InvalidPart", err)
	}
	if _, err := s.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b, Key: aws.String("small"),
		UploadId: &id}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.complete(ctx, b, "small", id, parts[1:], nil); s.Has.EndedUploads && code(err) != "NoSuchUpload" {
		t.Errorf("an aborted upload: %v, want NoSuchUpload", err)
	}
	if got := s.list(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("remaining: %v", got)
	}
}

func (s *suite) objectMultipartIfAbsent(t *testing.T) {
	need(t, s.Has.CompleteConditions, "conditions on CompleteMultipartUpload")
	ctx := within(t)
	b := s.bucket(t, ctx)
	s.put(t, ctx, b, "there", "first")
	ifAbsent := func(in *s3.CompleteMultipartUploadInput) { in.IfNoneMatch = aws.String("*") }
	id, parts := s.parts(t, ctx, b, "there", "second")
	if _, err := s.complete(ctx, b, "there", id, parts, ifAbsent); status(err) != 412 {
		t.Errorf("with an existing object: %v, want 412", err)
	}
	if got := s.get(t, ctx, b, "there"); got != "first" {
		t.Errorf("the object contains %q", got)
	}
	id, parts = s.parts(t, ctx, b, "new", "body")
	if _, err := s.complete(ctx, b, "new", id, parts, ifAbsent); err != nil {
		t.Errorf("without an object: %v", err)
	}
}

func (s *suite) objectListing(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	for _, k := range []string{"a/1", "a/b/2", "a-b/3", "a.txt", "b/4", "ab"} {
		s.put(t, ctx, b, k, k)
	}
	for prefix, want := range map[string][]string{
		"":     {"a-b/3", "a.txt", "a/1", "a/b/2", "ab", "b/4"}, // by bytes: "a-" before "a." before "a/"
		"a":    {"a-b/3", "a.txt", "a/1", "a/b/2", "ab"},
		"a/":   {"a/1", "a/b/2"},
		"a/b":  {"a/b/2"},
		"none": nil,
	} {
		if got := s.list(t, ctx, b, prefix); !slices.Equal(got, want) {
			t.Errorf("under %q: %v, want %v", prefix, got, want)
		}
	}
	grouped := func(in s3.ListObjectsV2Input) (keys, prefixes []string) {
		in.Bucket, in.Delimiter = &b, aws.String("/")
		for pages := s3.NewListObjectsV2Paginator(s.s3, &in); pages.HasMorePages(); {
			out := must[*s3.ListObjectsV2Output](t, "list")(pages.NextPage(ctx))
			for _, o := range out.Contents {
				keys = append(keys, *o.Key)
			}
			for _, p := range out.CommonPrefixes {
				prefixes = append(prefixes, *p.Prefix)
			}
		}
		return keys, prefixes
	}
	for _, size := range []int32{1000, 1, 2} {
		keys, prefixes := grouped(s3.ListObjectsV2Input{MaxKeys: &size})
		if !slices.Equal(keys, []string{"a.txt", "ab"}) || !slices.Equal(prefixes, []string{"a-b/", "a/", "b/"}) {
			t.Errorf("grouped, %d per page: %v, %v", size, keys, prefixes)
		}
	}
	keys, prefixes := grouped(s3.ListObjectsV2Input{Prefix: aws.String("a/")})
	if !slices.Equal(keys, []string{"a/1"}) || !slices.Equal(prefixes, []string{"a/b/"}) {
		t.Errorf("grouped under a/: %v, %v", keys, prefixes)
	}
	out := must[*s3.ListObjectsV2Output](t, "list")(s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b,
		Prefix: aws.String("a.txt")}))
	if o := out.Contents[0]; *o.Size != 5 || aws.ToString(o.ETag) == "" || o.LastModified == nil {
		t.Errorf("listed %v", o)
	}
}

func (s *suite) objectPaging(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	var want []string
	for i := range s.Keys {
		key := fmt.Sprintf("runs/d%d/%03d.json", i%3, i)
		want = append(want, key)
		s.put(t, ctx, b, key, "x")
	}
	slices.Sort(want)
	for _, size := range []int32{1, 7, int32(s.Keys), 1000} {
		var got []string
		for pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &b, MaxKeys: &size}); pages.HasMorePages(); {
			out := must[*s3.ListObjectsV2Output](t, "list")(pages.NextPage(ctx))
			if len(out.Contents) > int(size) {
				t.Fatalf("a page of %d has %d keys", size, len(out.Contents))
			}
			for _, o := range out.Contents {
				got = append(got, *o.Key)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d per page: %v, want %v", size, got, want)
		}
	}
	out := must[*s3.ListObjectsV2Output](t, "list")(s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b,
		StartAfter: &want[len(want)-2]}))
	if len(out.Contents) != 1 || *out.Contents[0].Key != want[len(want)-1] {
		t.Errorf("after the second to last: %d keys", len(out.Contents))
	}
}

func (s *suite) objectDelete(t *testing.T) {
	ctx := within(t)
	b := s.bucket(t, ctx)
	keys := []string{"landing/a/1", "landing/a/2", "landing/b"}
	for _, k := range keys {
		s.put(t, ctx, b, k, k)
	}
	for range 2 { // deleting a missing object is not an error
		if _, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b, Key: &keys[0]}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.list(t, ctx, b, ""); !slices.Equal(got, keys[1:]) {
		t.Errorf("remaining: %v", got)
	}
}
