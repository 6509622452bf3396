DELETE FROM mounts WHERE volume = :volume AND host = :host AND path = :path;
