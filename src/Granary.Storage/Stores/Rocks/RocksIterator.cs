using System.Diagnostics;
using System.Runtime.InteropServices;
using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>
/// The calls into RocksDB that are made for every entry of a scan, straight into the library: what the binding puts around each of them
/// takes a quarter of a scan's time.
/// </summary>
internal static unsafe class RocksIterator
{
    private static readonly nint Library = FindLibrary();

    // It may read a file, so it must not keep a garbage collection waiting; the others only tell what they have at hand.
    private static readonly delegate* unmanaged<nint, void> NextEntry =
        (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(Library, "rocksdb_iter_next");

    private static readonly delegate* unmanaged[SuppressGCTransition]<nint, byte> EntryIsValid =
        (delegate* unmanaged[SuppressGCTransition]<nint, byte>)NativeLibrary.GetExport(Library, "rocksdb_iter_valid");

    private static readonly delegate* unmanaged[SuppressGCTransition]<nint, nuint*, byte*> EntryKey =
        (delegate* unmanaged[SuppressGCTransition]<nint, nuint*, byte*>)NativeLibrary.GetExport(Library, "rocksdb_iter_key");

    private static readonly delegate* unmanaged[SuppressGCTransition]<nint, nuint*, byte*> EntryValue =
        (delegate* unmanaged[SuppressGCTransition]<nint, nuint*, byte*>)NativeLibrary.GetExport(Library, "rocksdb_iter_value");

    private static readonly delegate* unmanaged<nint, byte**, void> LastError =
        (delegate* unmanaged<nint, byte**, void>)NativeLibrary.GetExport(Library, "rocksdb_iter_get_error");

    private static readonly delegate* unmanaged<void*, void> Free = (delegate* unmanaged<void*, void>)NativeLibrary.GetExport(Library, "rocksdb_free");

    public static void Next(nint iterator) => NextEntry(iterator);

    public static bool IsValid(nint iterator) => EntryIsValid(iterator) != 0;

    /// <summary>The key of a valid iterator, until it moves.</summary>
    public static ReadOnlySpan<byte> Key(nint iterator)
    {
        nuint bytes;
        var key = EntryKey(iterator, &bytes);
        return new ReadOnlySpan<byte>(key, (int)bytes);
    }

    /// <summary>The value of a valid iterator, until it moves.</summary>
    public static ReadOnlySpan<byte> Value(nint iterator)
    {
        nuint bytes;
        var value = EntryValue(iterator, &bytes);
        return new ReadOnlySpan<byte>(value, (int)bytes);
    }

    /// <summary>Why an iterator is not valid, in RocksDB's words; null where it is behind its last entry.</summary>
    public static string? Error(nint iterator)
    {
        byte* error = null;
        LastError(iterator, &error);
        if (error is null)
        {
            return null;
        }

        var text = Marshal.PtrToStringUTF8((nint)error);
        Free(error);
        return text;
    }

    /// <summary>The library that the binding has chosen: it comes in several builds, and an iterator must stay within one.</summary>
    private static nint FindLibrary()
    {
        _ = Native.Instance;
        using var process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
        {
            using (module)
            {
                if (module.ModuleName.Contains("rocksdb", StringComparison.Ordinal) && !module.ModuleName.Contains("RocksDbSharp", StringComparison.OrdinalIgnoreCase)
                    && NativeLibrary.TryLoad(module.FileName, out var library))
                {
                    if (NativeLibrary.TryGetExport(library, "rocksdb_iter_next", out _))
                    {
                        return library;
                    }

                    NativeLibrary.Free(library);
                }
            }
        }

        throw new DllNotFoundException("the RocksDB library of this process cannot be found");
    }
}
