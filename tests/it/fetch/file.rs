use super::{fetch_into, names};
use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
};
use vmdeck::domain::ErrorKind;

#[tokio::test]
async fn a_file_is_copied_with_its_holes() {
    let folder = tempfile::tempdir().unwrap();
    let (from, library) = (folder.path().join("a b.img"), folder.path().join("library"));
    fs::create_dir(&library).unwrap();
    let file = File::create(&from).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"middle", 40 << 20).unwrap();
    file.set_len(100 << 20).unwrap();
    let url = format!("file://{}", from.display().to_string().replace(' ', "%20"));
    let (done, _) = fetch_into(&library, &url, None).await;
    let copy = done.unwrap().path;
    assert!(fs::read(&copy).unwrap() == fs::read(&from).unwrap(), "the copy differs");
    let meta = copy.metadata().unwrap();
    assert!(meta.blocks() * 512 < 10 << 20, "holes were written: {} blocks", meta.blocks());
    assert_eq!(names(&library), ["a b.img"]);
}

#[tokio::test]
async fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_into(folder.path(), "file:///nowhere/a.iso", None).await;
    let error = done.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "/nowhere/a.iso does not exist"));
    let (done, _) = fetch_into(folder.path(), &format!("file://{}", folder.path().display()), None).await;
    assert!(done.unwrap_err().message.ends_with(" is not a file"));
    assert!(names(folder.path()).is_empty());
}
