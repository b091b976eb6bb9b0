package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/llac-project/llac/platform/clock"
)

const (
	// callTimeout is the time limit of one call, including the SDK's retries.
	callTimeout = 60 * time.Second
	// PartSize is the size in bytes of one part of a multipart upload. Smaller bodies are uploaded in one put.
	PartSize = 8 << 20
	// ListPage is how many keys one request of List returns at most.
	ListPage = 1000
	// conflictTries is the maximum number of tries on 409 Conditional Request Conflict, which the SDK does not retry.
	conflictTries = 8
)

// S3 is a Store over one S3 bucket.
type S3 struct {
	client *s3.Client
	bucket string
	clock  clock.Clock
}

// NewS3 returns the Store of a bucket. It uses path-style addressing if the endpoint was changed, because an emulator on
// 127.0.0.1 has no host names of buckets.
func NewS3(config aws.Config, bucket string, c clock.Clock) *S3 {
	client := s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = config.BaseEndpoint != nil
		o.RetryMaxAttempts = 5
		// Every put sends a sha256; a second checksum would only cost time.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &S3{client: client, bucket: bucket, clock: c}
}

var _ Store = (*S3)(nil)

// Get implements Store.
func (s *S3) Get(ctx context.Context, key string) ([]byte, Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// The SDK does not retry if the connection breaks within the body: read the object again from its start.
	for try := 1; ; try++ {
		body, info, err := s.Open(ctx, key)
		if err != nil {
			return nil, Info{}, err
		}
		b, err := io.ReadAll(body)
		body.Close()
		if err == nil {
			info.SHA256, info.Size = SHA256(b), int64(len(b))
			return b, info, nil
		}
		if try == readTries || ctx.Err() != nil {
			return nil, Info{}, s.wrap("read", key, err)
		}
	}
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, Info{}, s.wrap("read", key, err)
	}
	return out.Body, Info{
		Key: key, VersionID: aws.ToString(out.VersionId), Size: aws.ToInt64(out.ContentLength),
		ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified), Metadata: out.Metadata,
	}, nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, key string, body []byte, options ...PutOption) (Info, error) {
	return s.put(ctx, key, body, options, nil)
}

// PutIfAbsent implements Store.
func (s *S3) PutIfAbsent(ctx context.Context, key string, body []byte, options ...PutOption) (Info, Outcome, error) {
	info, err := s.put(ctx, key, body, options, func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
	if err == nil {
		return info, Created, nil
	}
	if !errors.Is(err, errPrecondition) {
		return Info{}, 0, err
	}
	// The SDK retries a put whose response was lost. The retry then finds its own object: read it back and compare.
	there, same, err := s.readBack(ctx, key, body)
	if err != nil {
		return Info{}, 0, err
	}
	if !same {
		return there, 0, s.wrap("create", key, ErrExists)
	}
	return there, AlreadyMine, nil
}

// CompareAndSwap implements Store.
func (s *S3) CompareAndSwap(ctx context.Context, key string, body []byte, etag string, options ...PutOption) (Info, error) {
	info, err := s.put(ctx, key, body, options, func(in *s3.PutObjectInput) {
		if etag == "" {
			in.IfNoneMatch = aws.String("*")
		} else {
			in.IfMatch = &etag
		}
	})
	if err == nil {
		return info, nil
	}
	if ctx.Err() != nil {
		return Info{}, err
	}
	missing := errors.Is(err, ErrNotFound)
	if !errors.Is(err, errPrecondition) && !missing && !unknown(err) {
		return Info{}, err
	}
	if missing { // If-Match on a deleted key
		return Info{}, s.wrap("swap", key, ErrChanged)
	}
	there, same, backErr := s.readBack(ctx, key, body)
	switch {
	case backErr != nil:
		return Info{}, errors.Join(err, backErr)
	case same:
		return there, nil
	case errors.Is(err, errPrecondition):
		return there, s.wrap("swap", key, ErrChanged)
	}
	return Info{}, err // the response was lost and nothing was written: the caller may retry
}

// errPrecondition is S3's 412.
var errPrecondition = errors.New("precondition failed")

func (s *S3) put(ctx context.Context, key string, body []byte, options []PutOption, condition func(*s3.PutObjectInput)) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sum := sha256.Sum256(body)
	o := collect(key, options)
	for try := 1; ; try++ {
		in := &s3.PutObjectInput{
			Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
			ContentType: &o.ContentType, Metadata: o.Metadata,
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		}
		if condition != nil {
			condition(in)
		}
		out, err := s.client.PutObject(ctx, in)
		if err == nil {
			return Info{
				Key: key, VersionID: aws.ToString(out.VersionId), Size: int64(len(body)), ETag: aws.ToString(out.ETag),
				SHA256: hex.EncodeToString(sum[:]), Metadata: o.Metadata,
			}, nil
		}
		// 409: another conditional write of this key is in progress and its result is not known yet.
		if status(err) == http.StatusConflict && try < conflictTries {
			if err := s.clock.Sleep(ctx, time.Duration(try*try)*5*time.Millisecond); err != nil {
				return Info{}, s.wrap("write", key, err)
			}
			continue
		}
		return Info{}, s.wrap("write", key, err)
	}
}

// readBack returns the stored object and reports whether its bytes equal body. A key that was deleted meanwhile is not equal.
func (s *S3) readBack(ctx context.Context, key string, body []byte) (Info, bool, error) {
	b, info, err := s.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return Info{Key: key}, false, nil
	}
	if err != nil {
		return Info{}, false, err
	}
	return info, bytes.Equal(b, body), nil
}

// PutStream implements Store.
func (s *S3) PutStream(ctx context.Context, key string, body io.Reader, options ...PutOption) (Info, error) {
	first := make([]byte, PartSize)
	n, err := io.ReadFull(body, first)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		info, _, err := s.PutIfAbsent(ctx, key, first[:n], options...)
		return info, err
	}
	if err != nil {
		return Info{}, fmt.Errorf("read the body of %s: %w", key, err)
	}
	o := collect(key, options)
	created, err := call(ctx, func(ctx context.Context) (*s3.CreateMultipartUploadOutput, error) {
		return s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &s.bucket, Key: &key, ContentType: &o.ContentType, Metadata: o.Metadata,
		})
	})
	if err != nil {
		return Info{}, s.wrap("start the upload of", key, err)
	}
	info, err := s.uploadParts(ctx, key, created.UploadId, first, body)
	if err != nil {
		// An upload that is left behind costs storage. If this fails too, the bucket's lifecycle aborts the upload.
		abort, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		_, abortErr := s.client.AbortMultipartUpload(
			abort,
			&s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: created.UploadId},
		)
		return Info{}, errors.Join(err, abortErr)
	}
	info.Metadata = o.Metadata
	return info, nil
}

func (s *S3) uploadParts(ctx context.Context, key string, upload *string, part []byte, rest io.Reader) (Info, error) {
	digest := sha256.New()
	var parts []types.CompletedPart
	var size int64
	buffer := part
	for n := len(part); n > 0; {
		digest.Write(buffer[:n])
		size += int64(n)
		number := int32(len(parts) + 1)
		out, err := call(ctx, func(ctx context.Context) (*s3.UploadPartOutput, error) {
			return s.client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &s.bucket, Key: &key, UploadId: upload, PartNumber: &number,
				Body: bytes.NewReader(buffer[:n]), ContentLength: aws.Int64(int64(n)),
			})
		})
		if err != nil {
			return Info{}, s.wrap(fmt.Sprintf("upload part %d of", number), key, err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number})
		n, err = io.ReadFull(rest, buffer)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return Info{}, fmt.Errorf("read the body of %s: %w", key, err)
		}
		if n == 0 {
			break
		}
	}
	return s.completeUpload(ctx, upload, parts, Info{Key: key, Size: size, SHA256: hex.EncodeToString(digest.Sum(nil))})
}

// completeUpload makes the object of the uploaded parts visible, create-only.
func (s *S3) completeUpload(ctx context.Context, upload *string, parts []types.CompletedPart, info Info) (Info, error) {
	key := info.Key
	out, err := call(ctx, func(ctx context.Context) (*s3.CompleteMultipartUploadOutput, error) {
		return s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.bucket, Key: &key, UploadId: upload, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
	})
	if err == nil {
		info.ETag, info.VersionID = aws.ToString(out.ETag), aws.ToString(out.VersionId)
		return info, nil
	}
	err = s.wrap("finish the upload of", key, err)
	// If the response was lost, the SDK completes the upload again and does not find it: read the object back and compare.
	if !errors.Is(err, errPrecondition) && !unknown(err) && errorCode(err) != "NoSuchUpload" {
		return Info{}, err
	}
	there, sum, backErr := s.digest(ctx, key)
	if backErr != nil || sum != info.SHA256 {
		if errors.Is(err, errPrecondition) && backErr == nil {
			return there, s.wrap("create", key, ErrExists)
		}
		return Info{}, errors.Join(err, backErr)
	}
	there.SHA256 = sum
	return there, nil
}

// digest returns the sha256 of a stored object, which it streams.
func (s *S3) digest(ctx context.Context, key string) (Info, string, error) {
	body, info, err := s.Open(ctx, key)
	if err != nil {
		return Info{}, "", err
	}
	defer body.Close()
	var h hash.Hash = sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return Info{}, "", s.wrap("read", key, err)
	}
	return info, hex.EncodeToString(h.Sum(nil)), nil
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string, yield func(Info) bool) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(ListPage),
	})
	for pages.HasMorePages() {
		page, err := call(ctx, func(ctx context.Context) (*s3.ListObjectsV2Output, error) { return pages.NextPage(ctx) })
		if err != nil {
			return s.wrap("list", prefix, err)
		}
		for _, o := range page.Contents {
			if !yield(
				Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified)},
			) {
				return nil
			}
		}
	}
	return nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, key, versionID string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}
	if versionID != "" {
		in.VersionId = &versionID
	}
	_, err := s.client.DeleteObject(ctx, in)
	if err = s.wrap("delete", key, err); errors.Is(err, ErrNotFound) && status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// call runs one SDK call with the time limit.
func call[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return do(ctx)
}

// wrap adds the operation and the object to an error, and maps S3's error codes to the errors of Store.
func (s *S3) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	code := errorCode(err)
	switch {
	case code == "NoSuchBucket":
		err = fmt.Errorf("the bucket does not exist; create it (terraform apply, or llac run locally), "+
			"or check LLAC_DATA_BUCKET and LLAC_CONFIG_BUCKET: %w", err)
	case code == "NoSuchUpload":
	case code == "NoSuchKey", code == "NotFound", code == "NoSuchVersion", status(err) == http.StatusNotFound:
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	// Only reads: for a role without ListBucket, S3 returns 403 AccessDenied for a missing key. Wrong credentials and clock skew
	// have other error codes.
	case op == "read" && status(err) == http.StatusForbidden && (code == "AccessDenied" || code == "Forbidden"):
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	case code == "PreconditionFailed", status(err) == http.StatusPreconditionFailed:
		err = fmt.Errorf("%w: %w", errPrecondition, err)
	}
	return fmt.Errorf("lake: %s s3://%s/%s: %w", op, s.bucket, key, err)
}

// errorCode returns S3's code of an error, or "".
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// status returns the HTTP status of the response, or 0 without a response.
func status(err error) int {
	var r *awshttp.ResponseError
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

// unknown reports whether the write may have happened despite the error.
func unknown(err error) bool {
	st := status(err)
	return st == 0 || st >= 500
}

func collect(key string, options []PutOption) PutOptions {
	o := PutOptions{ContentType: "application/octet-stream"}
	switch {
	case strings.HasSuffix(key, ".json"):
		o.ContentType = "application/json"
	case strings.HasSuffix(key, ".parquet"):
		o.ContentType = "application/vnd.apache.parquet"
	case strings.HasSuffix(key, ".zst"):
		o.ContentType = "application/zstd"
	}
	for _, f := range options {
		f(&o)
	}
	return o
}
