using System.Text;
using BCrypt.Net;
using Google.Protobuf;
using Granary.Mvcc.Errors;
using Crypt = BCrypt.Net.BCrypt;

namespace Granary.Server.Identity;

/// <summary>
/// Hashes passwords and compares them with hashes, which takes long on purpose. So only a part of the processors does it at a time, and
/// only so many may wait: a flood of logins takes neither the machine nor its memory.
/// </summary>
/// <param name="cost">Of new hashes: each step doubles the time that one takes.</param>
internal sealed class Passwords(int cost) : IDisposable
{
    /// <summary>What a hash that is made here at least and at most may cost, and what it costs unless it is said.</summary>
    public const int LeastCost = 4, MostCost = 31, DefaultCost = 10;

    private const int MaxBytes = 72;
    private const int MaxWaiting = 1000;

    // Longer ones are not kept waiting: a thousand of them would take the memory.
    private const int MostSaid = 4096;

    // Half of the processors, one at least.
    private readonly SemaphoreSlim _slots = new(Math.Max(1, Environment.ProcessorCount / 2));

    // For users that do not exist: they must not be told from others by the time that it takes to refuse them.
    private readonly Lazy<ByteString> _nobodys = new(() => ByteString.CopyFromUtf8(Crypt.HashPassword("", cost)));
    private int _waiting;

    public void Dispose() => _slots.Dispose();

    /// <summary>Why a password can't be a user's, or null.</summary>
    public static EtcdError? Check(string password) => Encoding.UTF8.GetByteCount(password) > MaxBytes ? EtcdError.PasswordTooLong : null;

    /// <summary>The hash of a password, which is checked already.</summary>
    /// <exception cref="EtcdException">Too many are waiting.</exception>
    public Task<ByteString> Hash(string password, CancellationToken cancellationToken) =>
        Work(() => ByteString.CopyFromUtf8(Crypt.HashPassword(password, cost)), cancellationToken);

    /// <summary>Whether a password is the one of a hash. As in etcd, what is beyond its first 72 bytes does not count.</summary>
    /// <param name="password">What somebody says.</param>
    /// <param name="hash">What is known; null when there is no such user, and then it is false, at the same price.</param>
    /// <param name="cancellationToken">Leaves.</param>
    /// <exception cref="EtcdException">Too many are waiting.</exception>
    public Task<bool> Verify(string password, ByteString? hash, CancellationToken cancellationToken) => password.Length > MostSaid ? Task.FromResult(false) : Work(
        () =>
        {
            try
            {
                return Crypt.Verify(password, (hash ?? _nobodys.Value).ToStringUtf8()) && hash is not null;
            }
            catch (Exception exception) when (exception is SaltParseException or ArgumentException or FormatException or IndexOutOfRangeException)
            {
                // What is stored is no hash: nobody gets in by it.
                return false;
            }
        },
        cancellationToken);

    private async Task<T> Work<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            EtcdException.ThrowIf(Interlocked.Increment(ref _waiting) > MaxWaiting ? EtcdError.TooManyRequests : null);
            await _slots.WaitAsync(cancellationToken);
            try
            {
                return await Task.Factory.StartNew(work, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
